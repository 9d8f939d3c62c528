// Compiles the workspaces in the order in which they depend on each other.
import { execFileSync } from 'node:child_process';

for (const workspace of ['protocol', 'stream', 'sync-pod', 'operator', 'client', 'bench']) {
  execFileSync('npx', ['tsc', '-p', workspace], { stdio: 'inherit' });
}
