import type { Patch } from './trace.ts';

/** The same patch with positions in UTF-16 units, as JavaScript counts them. @param text that it is for */
export function inUtf16([position, deleted, inserted]: Patch, text: string): Patch {
  const start = unitsAfter(text, 0, position);
  return [start, unitsAfter(text, start, deleted) - start, inserted];
}

/** Whether the text has characters that are two UTF-16 units. */
export function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** What a text is after these patches. */
export function patched(text: string, patches: Iterable<Patch>): string {
  const letters = Array.from(text);
  for (const [position, deleted, inserted] of patches) letters.splice(position, deleted, ...inserted);
  return letters.join('');
}

function unitsAfter(text: string, start: number, count: number): number {
  let offset = start;
  for (let n = 0; n < count; n += 1) {
    const letter = text.codePointAt(offset);
    if (letter === undefined) throw new RangeError(`there is no position ${start} + ${count}`);
    offset += letter > 0xffff ? 2 : 1;
  }
  return offset;
}
