import { expect, test } from '@jest/globals';
import { Coalescer } from '../../src/webhooks/coalescer.ts';
import { DocUpdated } from '../../src/webhooks/event.ts';
import { workspaceId } from './receiver.ts';

const commit = { workspaceId: workspaceId('demo'), heads: ['h'], ops: 1 };

test('an update is ready once, however often windows are ended, and gathers until it begins', () => {
  const ready: DocUpdated[] = [];
  const coalescer = new Coalescer(3_600_000, (update) => ready.push(update));
  const first = new DocUpdated(commit, 0);
  coalescer.open(first);
  coalescer.flush();
  coalescer.flush();
  expect(ready).toEqual([first]);
  expect(coalescer.merge(commit, 1)).toBe(true);
  coalescer.begin(first);
  expect(coalescer.merge(commit, 2)).toBe(false);
  expect(first.data).toMatchObject({ ops: 2 });
});

test('an update whose time comes while another one is on its way is ready when that is settled', () => {
  const ready: DocUpdated[] = [];
  const coalescer = new Coalescer(3_600_000, (update) => ready.push(update));
  const [first, second] = [new DocUpdated(commit, 0), new DocUpdated(commit, 1)];
  coalescer.open(first);
  coalescer.flush();
  coalescer.begin(first);
  coalescer.open(second);
  coalescer.flush();
  expect(ready).toEqual([first]);
  coalescer.settled(first);
  expect(ready).toEqual([first, second]);
});
