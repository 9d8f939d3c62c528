import { SingleBar } from 'cli-progress';

/** A bar on stderr that counts towards a total of these; a line every 5 s where stderr is no terminal. */
export function progressBar(unit: string): SingleBar {
  return new SingleBar({
    format: `{bar} {percentage}% | {value}/{total} ${unit} | {eta_formatted} left`,
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
}
