/** Where the watcher looks without being told. */
export const WATCHED_URL = 'ws://127.0.0.1:8080';
