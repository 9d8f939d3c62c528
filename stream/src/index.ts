export * from './payload-bucket.ts';
export * from './stream-config.ts';
export * from './subjects.ts';
