import type { WorkspaceId } from '@etherply/protocol';
import { type StreamFacts, StreamUnavailableError } from '../replication/stream.ts';
import type { SupervisedShard } from '../storage/supervised-shard.ts';
import type { Mark } from '../workspace/replica/checkpoint.ts';
import type { Replication } from '../workspace/replica/replica.ts';
import { lastMarkOn, laterOf } from './last-mark.ts';
import type { ShardSlot } from './shards.ts';
import { decodeStreamFacts, encodeStreamFacts, goesOn, hasLost } from './stream-facts.ts';

/** What had been taken in of the workspaces that were open at some time. */
export interface OpenMarks {
  /** The last message of them all. */
  readonly last: Mark | undefined;
  readonly ids: ReadonlySet<WorkspaceId>;
}

interface Edge {
  readonly shards: readonly ShardSlot[];
  readonly openMarks: () => OpenMarks;
  /** Each workspace of the shard takes in what the stream has and publishes what that lacks. Resolves when all have. */
  readonly recover: (shard: SupervisedShard) => Promise<void>;
  readonly isClosing: () => boolean;
}

/** How the stream stands to what a shard has. */
type Verdict =
  | 'same'
  /** It is another one, or lacks something. */
  | 'other'
  /** As `other`, and it is this shard that shows it. */
  | 'loss';

/** The stream, seen from a shard. */
interface Look {
  readonly verdict: Verdict;
  readonly facts: StreamFacts;
}

/** Checks whether the stream still has what it had; where it has not, what is here is published again. */
export class StreamCheck {
  readonly #replication: Replication;
  readonly #edge: Edge;
  #running: Promise<void> | undefined;
  /** What had been taken in before the stream could not be reached; kept until it has been compared. */
  #before: OpenMarks | undefined;
  /** The session of the comparison in which a shard was compared last. */
  readonly #comparedIn = new Map<SupervisedShard, number>();

  constructor(replication: Replication, edge: Edge) {
    this.#replication = replication;
    this.#edge = edge;
  }

  /** The stream cannot be reached, and may be another one when it can. */
  interrupted(): void {
    this.#replication.comparison.interrupted();
    // As soon as it can be reached messages come in, with whatever numbers.
    this.#before ??= this.#edge.openMarks();
  }

  /** The stream can be reached, and may have become another one. @throws StreamUnavailableError */
  async compare(): Promise<void> {
    await this.#running?.catch(() => undefined); // it was about the time before
    await this.#once(this.#before ?? this.#edge.openMarks());
    this.#before = undefined;
  }

  /** The stream has been compared since it could not be reached. @throws StreamUnavailableError */
  run(): Promise<void> {
    return this.#running ?? this.#once(undefined);
  }

  #once(open: OpenMarks | undefined): Promise<void> {
    this.#running = this.#check(open).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** @param open where it may have become another one since: what had been taken in of the open workspaces before */
  async #check(open: OpenMarks | undefined): Promise<void> {
    const { comparison } = this.#replication;
    const { session } = comparison;
    const looks = new Map<ShardSlot, Look>();
    for (const slot of this.#edge.shards) {
      await this.#unlessDown(slot, async () => void looks.set(slot, await this.#look(slot.shard, open)));
    }
    const verdicts = [...looks.values()].map(({ verdict }) => verdict);
    if (verdicts.some((verdict) => verdict !== 'same')) comparison.found(session, false);
    // What is published from here on may replace what would show others that something is lost.
    if (verdicts.includes('loss')) await this.#replication.tellLoss();
    for (const [slot, { verdict, facts: found }] of looks) {
      await this.#unlessDown(slot, async () => {
        if (this.#edge.isClosing()) return;
        if (verdict !== 'same') await this.#edge.recover(slot.shard);
        // What pods have found meanwhile is about the time before.
        const facts = verdict === 'same' ? found : await this.#replication.facts();
        // They may be those of a stream that has lost something since, and would hide it.
        if (comparison.session !== session) throw new StreamUnavailableError('the stream was away meanwhile');
        await slot.loop.write([{ kind: 'stream', bytes: encodeStreamFacts(facts) }]);
        this.#comparedIn.set(slot.shard, session);
      });
    }
    comparison.found(session, true);
  }

  /** A shard that is down is compared when it serves again, and what it lacks until then stays in the stream. */
  async #unlessDown({ shard }: ShardSlot, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (shard.problem === undefined) throw error;
    }
  }

  async #look(shard: SupervisedShard, open: OpenMarks | undefined): Promise<Look> {
    const { stream, facts, comparison } = this.#replication;
    const bytes = await shard.knownStream();
    const before = bytes && decodeStreamFacts(bytes);
    const last = open && laterOf(open.last, await lastMarkOn(shard, stream.origin, open.ids));
    const isLast = last === undefined || (await this.#isStill(last));
    // After the last message was looked at: whoever has removed it has told of the loss before.
    const now = await facts();
    if (before === undefined || now.created !== before.created) return { verdict: 'other', facts: now };
    const isWhole = isLast && goesOn(before, now) && (last?.sequence ?? 0) <= now.lastSequence;
    if (!isWhole) return { verdict: 'loss', facts: now };
    // What others find after this shard was compared is about a time that is over.
    const isCompared = open === undefined && this.#comparedIn.get(shard) === comparison.session;
    return { verdict: !isCompared && hasLost(before, now) ? 'other' : 'same', facts: now };
  }

  /** False: another message has its number. */
  async #isStill({ sequence, id }: Mark): Promise<boolean> {
    const found = await this.#replication.stream.idAt(sequence);
    return found === undefined || found === id;
  }
}
