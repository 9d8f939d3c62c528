import { execFile } from 'node:child_process';
import { expect, test } from '@jest/globals';

function measure(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bench/dist/repo-sync.js', ...args], (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

test('both servers are measured with the same edits, and the exit code says whether the bounds are met', async () => {
  const { code, stdout, stderr } = await measure('--only', 'edits', '--rounds', '1', '--seconds', '5', '--json');
  const { bounds } = JSON.parse(stdout);
  expect(bounds).toMatchObject([
    { name: 'edits, server CPU', limit: 0.2 },
    { name: 'edits, p50 to others', limit: 0.2 },
  ]);
  for (const { measured, limit, met } of bounds) {
    expect(measured).toBeGreaterThan(0);
    expect(met).toBe(measured <= limit);
  }
  expect(code).toBe(bounds.every(({ met }: { met: boolean }) => met) ? 0 : 1);
  expect(stderr).toMatch(/sync-server .*\d% seen/);
  expect(stderr).toMatch(/etherply .*\d% seen/);
});

test('a workload that there is not is refused', async () => {
  const { code, stdout, stderr } = await measure('--only', 'nothing');
  expect(stderr).toMatch(/edits, rate, join/);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});
