import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { from, getLastLocalChange } from '@automerge/automerge';
import { parseWorkspaceId, type StrategyName } from '@etherply/protocol';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CommitLoop, type Committer } from '../src/storage/commit-loop.ts';
import { Shard, type Write } from '../src/storage/shard.ts';
import { heavyWork } from '../src/strategy/automerge/heavy-work.ts';
import { historyWork } from '../src/strategy/histories.ts';
import { createStrategy } from '../src/strategy/strategies.ts';
import { Documents } from '../src/workspace/documents.ts';
import { NO_CHECKPOINT } from '../src/workspace/replica/checkpoint.ts';
import { Compaction, CompactionFailed } from '../src/workspace/state/compaction.ts';
import { decodeManifest } from '../src/workspace/state/manifest.ts';
import { type StateOptions, WorkspaceState } from '../src/workspace/state/workspace-state.ts';
import type { Stored } from '../src/workspace/stored.ts';
import type { Outcome } from '../src/workspace/turn/submission.ts';
import { Workspace } from '../src/workspace/workspace.ts';
import { until } from './pod.ts';

let dir: string;
let shard: Shard;
let loop: CommitLoop;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'etherply-loop-'));
  shard = await Shard.open(0, dir, 1 << 20);
  loop = new CommitLoop((writes) => shard.append(writes), { committed: () => {} });
});
afterEach(async () => {
  await shard.close();
  await rm(dir, { recursive: true });
});

const found = parseWorkspaceId('w');
if (found === undefined) throw new Error('the id is valid');
const id = found;

/** Something that writes the usage of an hour, and says what became of it. */
class Writer implements Committer {
  readonly told: string[] = [];
  readonly hour: number;
  onCommitted = () => {};

  constructor(hour: number) {
    this.hour = hour;
  }

  takeTurn(): readonly Write[] | undefined {
    return [{ kind: 'usage', workspace: id, hour: this.hour, bytes: Uint8Array.of(this.hour) }];
  }

  turnCommitted(): void {
    this.told.push('committed');
    this.onCommitted();
  }

  turnFailed(): void {
    this.told.push('failed');
  }

  turnBroken(): void {
    this.told.push('broken');
  }
}

async function storedHours(): Promise<number[]> {
  const hours: number[] = [];
  for await (const { hour } of shard.usage(id, 0, 1000)) hours.push(hour);
  return hours;
}

test('what waits now is settled, though more comes all the time', async () => {
  const endless = new Writer(1);
  endless.onCommitted = () => loop.schedule(endless);
  loop.schedule(endless);
  const waiting = new Writer(2);
  loop.schedule(waiting);
  await loop.settled();
  expect(waiting.told).toEqual(['committed']);
  endless.onCommitted = () => {};
  await loop.idle();
  await loop.settled();
});

test('one whose turn throws takes no other down', async () => {
  const [fine, broken] = [new Writer(1), new Writer(2)];
  broken.takeTurn = () => {
    throw new Error('a bug');
  };
  loop.schedule(broken);
  loop.schedule(fine);
  await loop.idle();
  expect([fine.told, broken.told]).toEqual([['committed'], ['broken']]);
  expect(await storedHours()).toEqual([1]);
});

const author = { userId: 'alice', scopes: new Set(['write']), claims: {} };
const unlimited = Number.POSITIVE_INFINITY;

function optionsOf(defaultStrategy: StrategyName): StateOptions {
  return {
    createStrategy: (name) => createStrategy(name, { actor: 'a'.repeat(32), tombstoneMs: 60_000, heavyWork }),
    defaultStrategy,
    opIdMemoryMs: 60_000,
    sourceOf: () => shard,
    pack: historyWork.pack,
  };
}

function storedAs(state: WorkspaceState): Stored {
  return { state, checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: false };
}

/** @param schedule asks for a turn of the commit loop */
function open(options: StateOptions, schedule: (one: Committer) => void): Workspace {
  return new Workspace(id, storedAs(new WorkspaceState(options)), {
    broadcaster: { isHeard: () => true, announce: () => {}, dismiss: () => {} },
    updated: undefined,
    deleted: () => {},
    failed: (error) => {
      throw error;
    },
    schedule,
    compact: () => {},
    rollUp: () => {},
    historyWork,
    documents: new Documents(1),
    replication: undefined,
    home: undefined,
    compactFromBytes: unlimited,
    limits: { maxKeys: unlimited, maxBytes: unlimited, opsPerSecond: unlimited, opsBurst: unlimited },
    now: Date.now,
  });
}

function compactionOf(workspace: Workspace, schedule: (one: Committer) => void): Compaction {
  return new Compaction(id, workspace.state, {
    source: shard,
    pack: historyWork.pack,
    between: (work) => workspace.between(work),
    schedule,
    whenPublished: async () => {},
    now: Date.now,
  });
}

const storedManifest = async () => {
  const manifest = await shard.manifest(id);
  return manifest && decodeManifest(manifest);
};

test('a compaction from before an outage does not bring back what was deleted since', async () => {
  const options = optionsOf('lww');
  const workspace = open(options, (one) => loop.schedule(one));
  const ops = Array.from({ length: 300 }, (_, n) => {
    const value = 'x'.repeat(1000);
    return { key: `key-${n}`, json: JSON.stringify(value), value, timestamp: undefined };
  });
  const outcome = await new Promise<Outcome>((settle) => {
    workspace.submit({ author, id: undefined, ops, origin: undefined, settle });
  });
  expect(outcome.ok).toBe(true);

  // Its parts wait until the workspace has been brought back and deleted.
  const held: Committer[] = [];
  let isHolding = true;
  const compaction = compactionOf(workspace, (one) => (isHolding ? held.push(one) : loop.schedule(one)));
  const running = compaction.run();
  await until(async () => held.length === 1);
  const restored = new WorkspaceState(options);
  await restored.read(id, shard);
  workspace.resume(storedAs(restored));
  expect(workspace.strategy.size.keys).toBe(300);
  expect((await workspace.delete()).ok).toBe(true);
  isHolding = false;
  for (const one of held) loop.schedule(one);
  await expect(running).rejects.toThrow(CompactionFailed);
  expect(await storedManifest()).toMatchObject({ epoch: 2, state: { bytes: 0 } });
});

test('a compaction holds nothing that is not durable yet', async () => {
  const held: Committer[] = [];
  let isHolding = false;
  const workspace = open(optionsOf('automerge'), (one) => (isHolding ? held.push(one) : loop.schedule(one)));
  const change = getLastLocalChange(from({ key: 'value' })) ?? new Uint8Array();
  const merged = workspace.merge([change], author);
  isHolding = true; // it has its turn, and cannot write what it has taken in
  await until(async () => held.length === 1);
  expect(workspace.strategy.size.keys).toBe(1);
  const compacted = compactionOf(workspace, (one) => loop.schedule(one)).run();
  isHolding = false;
  for (const one of held) loop.schedule(one);
  expect((await merged).ok).toBe(true);
  await compacted;
  expect(await storedManifest()).toMatchObject({ position: 1 });
});
