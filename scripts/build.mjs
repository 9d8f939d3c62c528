// Compiles the workspaces that are named, or all, in the order in which they depend on each other.
import { execFileSync } from 'node:child_process';

const asked = process.argv.slice(2);
for (const workspace of ['protocol', 'stream', 'sync-pod', 'operator', 'client', 'bench']) {
  if (asked.length > 0 && !asked.includes(workspace)) continue;
  execFileSync('npx', ['tsc', '-p', workspace], { stdio: 'inherit' });
}
