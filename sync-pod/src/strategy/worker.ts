import { heavyWork } from './automerge/heavy-work.ts';
import { historyWork } from './histories.ts';

// What a worker thread of the pool runs: each export is a task.

export const encode = (input: Parameters<typeof heavyWork.encode>) => heavyWork.encode(...input);
export const decode = (input: Parameters<typeof heavyWork.decode>) => heavyWork.decode(...input);
export const summarize = (input: Parameters<typeof heavyWork.summarize>) => heavyWork.summarize(...input);
export const pack = (input: Parameters<typeof historyWork.pack>) => historyWork.pack(...input);
export const page = (input: Parameters<typeof historyWork.page>) => historyWork.page(...input);
export const records = (input: Parameters<typeof historyWork.records>) => historyWork.records(...input);
export const stateAt = (input: Parameters<typeof historyWork.stateAt>) => historyWork.stateAt(...input);
