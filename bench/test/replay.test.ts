import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runBench } from './run-bench.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'etherply-replay-'));
});
afterAll(() => rm(directory, { recursive: true }));

const replay = (file: string) => runBench('replay', '--json', file);

/** A session that types `lines` lines, a keystroke a transaction, and takes the second one away again. */
function session(lines: number) {
  const content = Array.from({ length: lines }, (_, n) => `line ${n} – 😀`).join('\n');
  const typed = Array.from(content).map((letter, position) => [position, 0, letter]);
  const [first = '', second = ''] = content.split('\n');
  const removal = [Array.from(first).length, Array.from(second).length + 1, ''];
  return {
    startContent: '',
    endContent: content.replace(`\n${second}`, ''),
    txns: [...typed, removal].map((patch) => ({ time: '2026-01-01T00:00:00Z', patches: [patch] })),
  };
}

test('a replayed session ends with the recorded text at the watcher and at a new client', async () => {
  const file = join(directory, 'session.json.gz');
  const recorded = session(40);
  await writeFile(file, gzipSync(JSON.stringify(recorded)));
  const { code, stdout } = await replay(file);
  expect(JSON.parse(stdout)).toMatchObject({
    messages: recorded.txns.length + 1,
    watcherIsEqual: true,
    freshIsEqual: true,
  });
  expect(code).toBe(0);
});

test('another text than the recorded one is an error', async () => {
  const file = join(directory, 'wrong.json');
  await writeFile(file, JSON.stringify({ ...session(3), endContent: 'something else' }));
  const { code, stdout } = await replay(file);
  expect(JSON.parse(stdout)).toMatchObject({ watcherIsEqual: false, freshIsEqual: false });
  expect(code).toBe(1);
});

test('a file that is no trace is said to be none', async () => {
  const file = join(directory, 'none.json');
  await writeFile(file, '{}');
  const { code, stderr } = await replay(file);
  expect(stderr).toMatch(/is no trace/);
  expect(code).toBe(1);
});

test('a trace of several at once is for another command', async () => {
  const file = join(directory, 'concurrent.json');
  await writeFile(file, JSON.stringify({ kind: 'concurrent', endContent: '', txns: [] }));
  const { code, stderr } = await replay(file);
  expect(stderr).toMatch(/replay-text/);
  expect(code).toBe(1);
});
