import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ConcurrentTrace } from '../src/trace.ts';
import { runBench } from './run-bench.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'etherply-replay-text-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function traceFile(name: string, trace: object): Promise<string> {
  const file = join(directory, `${name}.json.gz`);
  await writeFile(file, gzipSync(JSON.stringify(trace)));
  return file;
}

/** A keystroke a transaction, after what is there; then the first letter but one goes. */
function sequential() {
  const typed = Array.from('one 😀, two 😀, three – and so on');
  const startContent = '😀 ';
  return {
    startContent,
    endContent: ['😀', ...typed].join(''),
    txns: [...typed.map((letter, n) => [n + 2, 0, letter]), [1, 1, '']].map((patch) => ({ patches: [patch] })),
  };
}

/** Each of two types a line of its own, at the same time; then one takes away what is between, where it has both. */
function concurrent() {
  const lines = ['the first 😀 line', 'the second 😀 line'].map((line) => Array.from(line));
  const txns: ConcurrentTrace['txns'] = [{ agent: 0, parents: [], patches: [[0, 0, '<|>']] }];
  const ends = lines.map((letters, agent) => {
    let last = 0;
    for (const [n, letter] of letters.entries()) {
      // One types from the start on, the other one before the end.
      txns.push({ agent, parents: [last], patches: [[n + 1 + agent, 0, letter]] });
      last = txns.length - 1;
    }
    return last;
  });
  txns.push({ agent: 1, parents: ends, patches: [[(lines[0]?.length ?? 0) + 1, 1, ' ']] });
  const [first = '', second = ''] = lines.map((letters) => letters.join(''));
  return { kind: 'concurrent', endContent: `<${first} ${second}>`, numAgents: 2, txns };
}

const replayText = (...args: string[]) => runBench('replay-text', '--json', ...args);

test('what one has written comes to the client on the other pod', async () => {
  const trace = sequential();
  const { code, stdout } = await replayText('--group', '5', await traceFile('sequential', trace));
  expect(JSON.parse(stdout)).toMatchObject({
    kind: 'sequential',
    edits: trace.txns.length,
    changes: Math.ceil(trace.txns.length / 5),
    comparedWith: 'the recorded text',
    clientsAreEqual: true,
  });
  expect(code).toBe(0);
});

test('what two have written at once comes together at both', async () => {
  const trace = concurrent();
  const { code, stdout } = await replayText('--group', '1', await traceFile('concurrent', trace));
  expect(JSON.parse(stdout)).toMatchObject({
    kind: 'concurrent',
    edits: trace.txns.length,
    changes: trace.txns.length,
    comparedWith: 'the recorded text',
    clientsAreEqual: true,
  });
  expect(code).toBe(0);
});

test('another text than the recorded one is told, and an error', async () => {
  const file = await traceFile('wrong', { ...sequential(), endContent: '😀one 😀, too' });
  const { code, stdout, stderr } = await replayText(file);
  expect(JSON.parse(stdout)).toMatchObject({ clientsAreEqual: false });
  expect(stderr).toMatch(
    /the client on the first pod DIFFERS: from 11 on it has "wo 😀, .*where "oo" \(of 13\) is recorded/,
  );
  expect(code).toBe(1);
});

test('a file that is no trace is said to be none', async () => {
  const { code, stderr } = await replayText(await traceFile('none', {}));
  expect(stderr).toMatch(/is no trace/);
  expect(code).toBe(1);
});
