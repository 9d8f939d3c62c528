export * from './payload-bucket.ts';
export * from './pod-consumers.ts';
export * from './stream-config.ts';
export * from './subjects.ts';
