import { heavyWork } from './heavy-work.ts';

// What a worker thread of the pool runs: each export is a task.

export const encode = ([header, writes]: Parameters<typeof heavyWork.encode>) => heavyWork.encode(header, writes);
export const decode = ([change]: Parameters<typeof heavyWork.decode>) => heavyWork.decode(change);
export const pack = ([document, changes]: Parameters<typeof heavyWork.pack>) => heavyWork.pack(document, changes);
