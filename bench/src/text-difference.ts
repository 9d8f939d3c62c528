const SHOWN = 40;

/** Where a text begins to differ from the recorded one, in words; undefined where it does not. */
export function differenceOf(text: string, recorded: string): string | undefined {
  if (text === recorded) return undefined;
  let at = 0;
  while (at < text.length && text[at] === recorded[at]) at += 1;
  const from = (whole: string) => JSON.stringify(whole.slice(at, at + SHOWN));
  return `from ${at} on it has ${from(text)} (of ${text.length}) where ${from(recorded)} (of ${recorded.length}) is recorded`;
}
