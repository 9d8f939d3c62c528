import type { WorkspaceId } from '@etherply/protocol';
import {
  type Publication,
  type Rollup,
  type Stream,
  type StreamFacts,
  type StreamMessage,
  StreamUnavailableError,
  WrongSequenceError,
} from '../../replication/stream.ts';
import type { LogEntry, Write } from '../../storage/shard.ts';
import { type Checkpoint, encodeCheckpoint, isSame, type Mark } from './checkpoint.ts';
import { type Arrival, Inbox } from './inbox.ts';
import { messageId } from './message-id.ts';
import { Outbox } from './outbox.ts';
import type { StreamComparison } from './stream-comparison.ts';
import type { UnpublishedBudget } from './unpublished-budget.ts';

/** What happens between the workspaces of this pod and the stream, for the metrics. */
interface ReplicationObserver {
  /** A message of another pod was taken in. */
  received(bytes: number): void;
  /** Messages were missing, and are fetched. */
  gap(): void;
  /** A message that stands for all before it was published. */
  rolledUp(): void;
  /** What this pod has is published again, because the stream does not have it any more, or never had. */
  recovered(): void;
}

/** What all workspaces of a pod that replicates share. */
export interface Replication {
  readonly stream: Stream;
  /** @throws StreamUnavailableError */
  readonly facts: () => Promise<StreamFacts>;
  /** Lets the other pods know that the stream lacks what it had. @throws StreamUnavailableError */
  readonly tellLoss: () => Promise<void>;
  readonly budget: UnpublishedBudget;
  /** What an ack stands for: that the op is durable on this pod, or that the stream has it, too. */
  readonly ack: 'local' | 'replicated';
  readonly observer: ReplicationObserver;
  /** Where the stream forgets what every pod has. */
  readonly comparison: StreamComparison;
  /** Why this pod does not have everything that it is to have; undefined where it has, or need not. */
  readonly lacks: () => string | undefined;
}

interface Edge {
  readonly arrived: () => void;
  readonly published: () => void;
  readonly failed: (error: unknown) => void;
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2000;
/** For so long a message that has to be the next waits for the stream to be compared. */
const COMPARISON_MS = 5000;

/** One workspace of this pod as one of several that have it: what goes into the stream and what comes out. */
export class Replica {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly #workspace: WorkspaceId;
  readonly #replication: Replication;
  /** The last message of each origin whose effect is here. */
  readonly #marks: Map<string, Mark>;
  #tailBytes: number;
  #isLost = false;
  /** It says on disk that the stream may lack something. */
  #isMarked: boolean;
  /** A rollup that is known has come, and nothing was written since: by what is on disk it would be taken in as a whole. */
  #isStale = false;
  /** A message on its way that must be the next of its subject. */
  #awaited: { readonly id: string; isIn: boolean } | undefined;
  #wake: (() => void) | undefined;

  /** @param isMarked whether it says on disk that the stream may lack something */
  constructor(
    workspace: WorkspaceId,
    replication: Replication,
    { marks, tailBytes }: Checkpoint,
    isMarked: boolean,
    edge: Edge,
  ) {
    this.#workspace = workspace;
    this.#replication = replication;
    this.#marks = new Map(marks);
    this.#tailBytes = tailBytes;
    this.#isMarked = isMarked;
    const { stream, budget, observer, comparison } = replication;
    this.outbox = new Outbox(workspace, stream, { budget, published: edge.published, failed: edge.failed });
    this.inbox = new Inbox(workspace, stream, marks, {
      passed: (message) => this.#passed(message),
      arrived: edge.arrived,
      isEcho: (id) => this.#isEcho(id),
      lacks: replication.lacks,
      streamLost: () => {
        this.lose();
        edge.arrived();
      },
      gap: observer.gap,
      session: () => comparison.session,
      failed: edge.failed,
    });
  }

  get isConnected(): boolean {
    return this.#replication.stream.isConnected;
  }

  /** The stream may lack something of what is here. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Bytes of the messages that somebody reads who opens the workspace, after the one that stands for all before it. */
  get tailBytes(): number {
    return this.#tailBytes;
  }

  /** The last message that this cluster published whose effect is here, or is part of the step that is made. */
  get mark(): Mark | undefined {
    return this.#marks.get(this.#replication.stream.origin);
  }

  /** The stream no longer has what every pod has. */
  get streamForgets(): boolean {
    return this.#replication.stream.forgets;
  }

  /** What is on disk says less than what is so. */
  get isUntidy(): boolean {
    return (this.#isStale || (this.#isMarked && this.outbox.isEmpty)) && !this.#isLost;
  }

  /** What is here is not known to be in the stream: after a crash, too, until `recovered`. */
  lose(): void {
    this.#isLost = true;
  }

  /** The stream is another one: what was taken in of the last one says nothing of it. */
  async forget(): Promise<void> {
    await this.inbox.startAgain();
    this.#marks.clear();
  }

  recovered(): void {
    this.#isLost = false;
    this.#replication.observer.recovered();
  }

  /** What was taken for lost is in the stream. */
  found(): void {
    this.#isLost = false;
  }

  /** The effect of an arrival is part of the step that is made, or it has none. */
  taken({ message, isKnown }: Arrival, bytes: number): void {
    this.inbox.take();
    this.#passed(message, bytes);
    if (!isKnown) this.#replication.observer.received(bytes);
  }

  /** What has come in and cannot be taken is read again. @param reason why it cannot be */
  giveBack(reason: StreamUnavailableError): void {
    this.inbox.rewind(this.#marks, reason);
  }

  /**
   * What a step writes besides its records.
   * @param last the position of the last record that is not to be published, of those in the step
   * @param publishes whether the step writes a record that is to be published
   */
  writes(last: number, publishes: boolean): Write[] {
    const workspace = this.#workspace;
    const marks = this.#isLost ? new Map<string, Mark>() : this.#marks;
    this.#isStale = false;
    const checkpoint = { marks, published: this.outbox.publishedUpTo(last), tailBytes: this.#tailBytes };
    const writes: Write[] = [{ kind: 'checkpoint', workspace, bytes: encodeCheckpoint(checkpoint) }];
    const isEmpty = !publishes && this.outbox.isEmpty && !this.#isLost;
    if (isEmpty !== this.#isMarked) return writes;
    this.#isMarked = !isEmpty;
    writes.push({ kind: 'outbox', workspace, isEmpty });
    return writes;
  }

  /** A record is durable here, and goes to the others. */
  publish({ position, envelope }: Pick<LogEntry, 'position' | 'envelope'>): void {
    this.#tailBytes += envelope.length;
    this.outbox.add(position, envelope);
  }

  /** Records of an earlier time that the stream may not have. */
  publishAgain(records: readonly LogEntry[]): void {
    for (const record of records) this.outbox.add(record.position, record.envelope);
  }

  /** The stream can be reached: goes on publishing where that was interrupted. */
  resume(): void {
    this.#wake?.();
    this.outbox.resume();
  }

  /**
   * Publishes as the message right after those that have been taken.
   * @param patienceMs for how long to go on where the stream does not answer
   * @returns false where another message was first; it is there to be taken
   * @throws StreamUnavailableError where it is unknown whether it is in, or the stream is another one than before
   */
  async publishNext(bytes: Uint8Array, rollup: Rollup | undefined, patienceMs: number): Promise<boolean> {
    const { stream, observer } = this.#replication;
    const { origin } = stream;
    if (!this.inbox.isEmpty) return false;
    const id = messageId(this.#workspace, bytes);
    const last = this.inbox.lastOf(origin);
    const publication = { bytes, id, rollup, after: last, expected: last?.sequence ?? 0 };
    const awaited = { id, isIn: false };
    const isHopeless = this.#hopelessness(rollup);
    this.#awaited = awaited;
    try {
      const sequence = await this.#publish(publication, patienceMs, isHopeless);
      // Where an earlier try was not answered it may be ours that was first.
      if (sequence === undefined) await this.#retrying(() => this.inbox.catchUp(), patienceMs, isHopeless);
      else if (!awaited.isIn) {
        this.outbox.expectEcho(id);
        this.inbox.passed(origin, { sequence, id });
        this.#marks.set(origin, { sequence, id });
        awaited.isIn = true;
      }
    } catch (error) {
      // What has come back is in, answered or not.
      if (!awaited.isIn || !(error instanceof StreamUnavailableError)) throw error;
    } finally {
      this.#awaited = undefined;
    }
    if (!awaited.isIn) return false;
    if (rollup !== undefined) this.#isStale = true;
    if (rollup === 'summary') observer.rolledUp();
    this.#tailBytes = rollup === undefined ? this.#tailBytes + bytes.length : 0;
    return true;
  }

  /** Publishes without regard to what is before it. @throws StreamUnavailableError where that takes longer than `patienceMs` */
  async publishAnywhere(bytes: Uint8Array, patienceMs: number): Promise<void> {
    const id = messageId(this.#workspace, bytes);
    this.outbox.expectEcho(id);
    await this.#publish({ bytes, id }, patienceMs);
  }

  close(): void {
    this.inbox.close();
    this.outbox.clear();
  }

  /** Where the stream forgets: what says that it is not, or may not be, the one that the next message was made for. */
  #hopelessness(rollup: Rollup | undefined): () => boolean {
    const { stream, comparison } = this.#replication;
    if (!stream.forgets) return () => false;
    const { session } = comparison;
    // One that stands for all before it must not stand for what never came here.
    const isRecovery = rollup === 'summary' && this.#isLost;
    if (rollup === 'summary') return () => comparison.session !== session || (!isRecovery && !comparison.isSame);
    let waitsSince: number | undefined;
    return () => {
      if (stream.isConnected && comparison.isSame === undefined) waitsSince ??= performance.now();
      else waitsSince = undefined;
      // To compare may take this workspace, too, and it stands still meanwhile.
      const isWaitedFor = waitsSince !== undefined && performance.now() > waitsSince + COMPARISON_MS;
      return comparison.isSame === false || isWaitedFor;
    };
  }

  /** Its number; undefined where another was first. */
  #publish(
    publication: Publication,
    patienceMs: number,
    isHopeless: () => boolean = () => false,
  ): Promise<number | undefined> {
    const { stream, comparison } = this.#replication;
    const isEarly = () => stream.forgets && publication.expected !== undefined && comparison.isSame === undefined;
    return this.#retrying(
      async () => {
        if (isHopeless()) throw new StreamUnavailableError('the stream is another one than before');
        if (isEarly() && !this.#isLost) throw new StreamUnavailableError('the stream has not been compared yet');
        if (!(await this.#isStillNext(publication))) return undefined;
        // What the stream has lost is in it, too, and who has the last message before it may not have that.
        const said = this.#isLost ? { ...publication, after: undefined } : publication;
        try {
          return await stream.publish(this.#workspace, said);
        } catch (error) {
          if (error instanceof WrongSequenceError) return undefined;
          throw error;
        }
      },
      patienceMs,
      isHopeless,
    );
  }

  /** False: what is to be before it may not be the last any more, though something else has its number. */
  async #isStillNext({ expected, after }: Publication): Promise<boolean> {
    const { stream } = this.#replication;
    if (stream.forgets || expected === undefined || this.inbox.isCaughtUp) return true;
    await this.inbox.catchUp();
    return this.inbox.isEmpty && isSame(this.inbox.lastOf(stream.origin), after);
  }

  async #retrying<T>(work: () => Promise<T>, patienceMs: number, isHopeless: () => boolean): Promise<T> {
    const end = performance.now() + patienceMs;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        return await work();
      } catch (error) {
        const isPassing = error instanceof StreamUnavailableError && !isHopeless();
        if (!isPassing || performance.now() > end) throw error;
      }
      await this.#pause(retryMs * (0.5 + Math.random()));
    }
  }

  /** Until so much time has passed, or the stream can be reached again. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #isEcho(id: string): boolean {
    if (this.#awaited?.id !== id) return this.outbox.isEcho(id);
    this.#awaited.isIn = true;
    return true;
  }

  #passed({ origin, sequence, id, rollup }: StreamMessage, bytes = 0): void {
    this.#marks.set(origin, { sequence, id });
    if (rollup !== undefined) this.#isStale = true;
    this.#tailBytes = rollup === undefined ? this.#tailBytes + bytes : 0;
  }
}
