import { numberAt } from './digits.ts';

const AT = Buffer.from('"at":');

/** Calls back for each `"at"` of JSON, whatever is around it. */
export function eachPresence(frame: Buffer, onSeen: (dueAt: number) => void): void {
  for (let i = frame.indexOf(AT); i !== -1; i = frame.indexOf(AT, i + 1)) onSeen(numberAt(frame, i + AT.length));
}
