export * from './frames.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './presence.ts';
export * from './problem.ts';
export * from './rest.ts';
export * from './settings.ts';
export * from './values.ts';
