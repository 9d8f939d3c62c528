import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { goPrograms } from '../../scripts/tools.mjs';

/** Applies objects as a person would: `kubectl apply --server-side`. */
export async function apply(...objects: readonly object[]): Promise<void> {
  const { kubectl } = await goPrograms('kubectl');
  const args = ['apply', '--server-side', '--force-conflicts', '--filename=-'];
  const child = spawn(kubectl, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk;
  });
  child.stdin.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`kubectl apply failed:\n${printed}`);
}
