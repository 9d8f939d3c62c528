export * from './frames.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './rest.ts';
