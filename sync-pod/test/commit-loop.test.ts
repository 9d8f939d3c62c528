import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { WorkspaceState } from '../src/workspace/state/workspace-state.ts';
import type { Outcome } from '../src/workspace/turn/submission.ts';
import { Workspace } from '../src/workspace/workspace.ts';

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

test('a compaction from before an outage does not bring back what was deleted since', async () => {
  const options = {
    createStrategy: (name: StrategyName) => createStrategy(name, { actor: 'a', tombstoneMs: 60_000, heavyWork }),
    defaultStrategy: 'lww' as const,
    opIdMemoryMs: 60_000,
    sourceOf: () => shard,
    pack: historyWork.pack,
  };
  const unlimited = Number.POSITIVE_INFINITY;
  const workspace = new Workspace(
    id,
    { state: new WorkspaceState(options), checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: false },
    {
      broadcaster: { isHeard: () => true, announce: () => {}, dismiss: () => {} },
      updated: undefined,
      deleted: () => {},
      failed: (error) => {
        throw error;
      },
      schedule: (one) => loop.schedule(one),
      compact: () => {},
      rollUp: () => {},
      historyWork,
      documents: new Documents(1),
      replication: undefined,
      home: undefined,
      compactFromBytes: unlimited,
      limits: { maxKeys: unlimited, maxBytes: unlimited, opsPerSecond: unlimited, opsBurst: unlimited },
      now: Date.now,
    },
  );
  const author = { userId: 'alice', scopes: new Set(['write']), claims: {} };
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
  const compaction = new Compaction(id, workspace.state, {
    source: shard,
    pack: historyWork.pack,
    schedule: (one) => (isHolding ? held.push(one) : loop.schedule(one)),
    whenPublished: async () => {},
    now: Date.now,
  });
  const running = compaction.run();
  const restored = new WorkspaceState(options);
  await restored.read(id, shard);
  workspace.resume({ state: restored, checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: false });
  expect(workspace.strategy.size.keys).toBe(300);
  expect((await workspace.delete()).ok).toBe(true);
  isHolding = false;
  expect(held).toHaveLength(1);
  for (const one of held) loop.schedule(one);
  await expect(running).rejects.toThrow(CompactionFailed);
  const manifest = await shard.manifest(id);
  expect(manifest && decodeManifest(manifest)).toMatchObject({ epoch: 2, state: { bytes: 0 } });
});
