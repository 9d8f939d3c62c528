import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** To which scenarios append what they counted, a line of JSON each. */
const COUNTS = fileURLToPath(new URL('dist/scenarios.jsonl', import.meta.url));

/** Prints what was counted in each scenario. */
export default class ScenarioReporter {
  onRunStart() {
    rmSync(COUNTS, { force: true });
  }

  onRunComplete() {
    if (!existsSync(COUNTS)) return;
    const lines = readFileSync(COUNTS, 'utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line)).map(({ scenario, ...counts }) => [scenario, counts]);
    console.table(Object.fromEntries(rows));
  }
}
