export * from './stream-config.ts';
export * from './subjects.ts';
