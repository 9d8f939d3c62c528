import type { WorkspaceId } from '@etherply/protocol';
import type { LiveMessage, Stream, StreamMessage } from '../../replication/stream.ts';
import { MissingPayloadError, StreamUnavailableError } from '../../replication/stream.ts';
import { isSame, type Mark } from './checkpoint.ts';
import { merged } from './merged.ts';

/** A message in its place: everything before it, of its origin, has been handed over. */
export interface Arrival {
  readonly message: StreamMessage;
  /** It brings nothing new: it was published here, or stands for messages that have all been handed over. */
  readonly isKnown: boolean;
  /** It has replaced the last one that was handed over; nobody knows whether it was made of that, or after that was lost. */
  readonly isDoubtful: boolean;
}

/** A message that was read, of which {@link Arrival} says the rest. */
interface Unread extends Pick<Arrival, 'message' | 'isDoubtful'> {
  /** Nothing is missing between it and the last one of its origin that was handed over. */
  readonly isNext: boolean;
}

interface Edge {
  /** The next message of this origin brings nothing new, and none is waiting before it. */
  readonly passed: (message: StreamMessage) => void;
  /** There is something to take. */
  readonly arrived: () => void;
  /** Whether it was published here; asked once for each message. */
  readonly isEcho: (id: string) => boolean;
  /** Says something where what was in the stream before the first message that came here may not be here. */
  readonly lacks: () => string | undefined;
  /** The stream no longer has what it had: all that it has comes again, from the first message on. */
  readonly streamLost: () => void;
  /** Messages were missing, and are being fetched. */
  readonly gap: () => void;
  /** Another one each time the stream can be reached again: its numbers may be those of other messages then. */
  readonly session: () => number;
  readonly failed: (error: unknown) => void;
}

/** So many that come in while others are read are kept. */
const MAX_BUFFERED = 1024;

/** What comes in of a workspace from the stream, in order and without gaps. */
export class Inbox {
  readonly #workspace: WorkspaceId;
  readonly #stream: Stream;
  readonly #edge: Edge;
  /** The last message of each origin that was handed over. */
  readonly #frontier: Map<string, Mark>;
  #queue: Arrival[] = [];
  #unsubscribe: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  #isAskedAgain = false;
  #behind: StreamUnavailableError | undefined;
  /** All before the frontier is known to have come; not where it was read, and that has not come to the end. */
  #isSure = false;
  #isClosed = false;
  /** The session in which everything was handed over last. */
  #caughtUpIn: number | undefined;
  /** Came in while others were read. */
  #buffered: LiveMessage[] = [];

  /** @param marks what has been taken in before */
  constructor(workspace: WorkspaceId, stream: Stream, marks: ReadonlyMap<string, Mark>, edge: Edge) {
    this.#workspace = workspace;
    this.#stream = stream;
    this.#frontier = new Map(marks);
    this.#edge = edge;
  }

  /** Nothing has come in that was not taken. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Why messages are missing: they could not be read. Undefined where none are known to be. */
  get behind(): StreamUnavailableError | undefined {
    return this.#behind;
  }

  /** What was handed over is known to be what the stream has under these numbers; it may have more. */
  get isCaughtUp(): boolean {
    return this.#caughtUpIn === this.#edge.session();
  }

  /** Messages are being read. */
  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** What `take` would give. */
  get first(): Arrival | undefined {
    return this.#queue[0];
  }

  take(): void {
    this.#queue.shift();
  }

  /** The last message of an origin that was handed over. */
  lastOf(origin: string): Mark | undefined {
    return this.#frontier.get(origin);
  }

  /** From now on messages come in. */
  open(): void {
    this.#unsubscribe ??= this.#stream.subscribe(this.#workspace, (message) => this.#received(message));
  }

  /** Nothing comes in any more, nor what is being read: somebody else takes it from now on. */
  close(): void {
    this.#isClosed = true;
    this.#queue = [];
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** A message of this pod went in right after the last one of its origin. */
  passed(origin: string, mark: Mark): void {
    if (mark.sequence > this.#sequenceOf(origin)) this.#frontier.set(origin, mark);
  }

  /**
   * What was handed over and not taken is read again: another message may stand for it by then.
   * @param marks the last message of each origin that was taken
   * @param reason why it could not be
   */
  rewind(marks: ReadonlyMap<string, Mark>, reason: StreamUnavailableError): void {
    this.#queue = [];
    this.#frontier.clear();
    for (const [origin, mark] of marks) this.#frontier.set(origin, mark);
    this.#caughtUpIn = undefined;
    this.#isSure = false;
    this.#behind = reason;
  }

  /** Nothing is known of what was taken in: from now on all that the stream has comes, from the first message on. */
  async startAgain(): Promise<void> {
    while (this.#reading !== undefined) await this.#reading.catch(() => undefined); // who asked for it is told
    this.#frontier.clear();
  }

  /**
   * Resolves when everything has been handed over that the stream has at the call.
   * @throws StreamUnavailableError
   */
  catchUp(): Promise<void> {
    if (this.#reading === undefined) this.#reading = this.#readAll();
    else this.#isAskedAgain = true; // what is being read may have been read before the call
    return this.#reading;
  }

  /** Finds out whether messages are missing of which no later one has told, and catches up where they are. */
  async audit(): Promise<void> {
    if (this.#reading !== undefined || this.#isClosed || this.#lacksPayload) return;
    for (const origin of this.#stream.origins) {
      for await (const message of this.#stream.read(this.#workspace, origin, this.#sequenceOf(origin) + 1)) {
        // It came in since it was asked for: live messages do come, and would show what is missing.
        if (message.sequence <= this.#sequenceOf(origin)) break;
        this.#edge.gap();
        return this.catchUp();
      }
    }
  }

  #received(message: LiveMessage): void {
    if (this.#reading !== undefined) {
      if (this.#buffered.length < MAX_BUFFERED) this.#buffered.push(message);
      else this.#isAskedAgain = true;
      return;
    }
    // Its number may follow the last one by chance.
    const { isCaughtUp } = this;
    if (isCaughtUp && this.#accepts(message)) return;
    // It has been read already, or `publish` was quicker to say that it is in.
    if (isSame(message, this.#frontier.get(message.origin))) return;
    // What has to be taken before it is not to be had, and it stands for nothing of that: `catchUp` is called again from time to time.
    if (this.#lacksPayload && message.rollup === undefined) return;
    // Messages are missing; or it has a number that was given before, and the stream is not what it was.
    if (isCaughtUp) this.#edge.gap();
    this.tryCatchUp();
  }

  /** Catches up, now or where the stream does not answer later. */
  tryCatchUp(): void {
    this.catchUp().catch((error: unknown) => {
      if (!(error instanceof StreamUnavailableError)) this.#edge.failed(error);
    });
  }

  get #lacksPayload(): boolean {
    return this.#behind instanceof MissingPayloadError;
  }

  #sequenceOf(origin: string): number {
    return this.#frontier.get(origin)?.sequence ?? 0;
  }

  #accepts(message: LiveMessage): boolean {
    const last = this.#sequenceOf(message.origin);
    // Where messages go that every pod has, the one before it may lie before the last that came here.
    const isNext = this.#stream.forgets ? message.previous <= last : message.previous === last;
    if (message.sequence <= last || !isNext) return false;
    this.#accept({ message, isDoubtful: false, isNext: this.#isSure });
    return true;
  }

  #accept({ message, isDoubtful, isNext }: Unread): void {
    if (this.#isClosed) return;
    const { origin, sequence, id, rollup } = message;
    // From another region it may say what some messages said that never came here.
    const isSummary = rollup === 'summary' && this.#edge.lacks() === undefined;
    const isComplete = isSummary && isNext && this.#follows(message, this.#frontier.get(origin));
    this.#frontier.set(origin, { sequence, id });
    const isKnown = this.#edge.isEcho(id) || isComplete;
    if (isKnown && this.#queue.length === 0) {
      this.#edge.passed(message);
      return;
    }
    this.#queue.push({ message, isKnown, isDoubtful });
    this.#edge.arrived();
  }

  /** Whether a rollup stands for what is up to a mark, and for nothing else. */
  #follows({ origin, after }: StreamMessage, mark: Mark | undefined): boolean {
    if (after === undefined || after.id !== mark?.id) return false;
    // In the stream of another region messages have other numbers.
    return origin !== this.#stream.origin || after.sequence === undefined || after.sequence === mark.sequence;
  }

  async #readAll(): Promise<void> {
    try {
      do {
        this.#isAskedAgain = false;
        await this.#readOnce();
      } while ((this.#isAskedAgain || this.#buffered.length > 0) && !this.#isClosed);
    } catch (error) {
      const isKnown = error instanceof StreamUnavailableError;
      this.#behind = isKnown ? error : new StreamUnavailableError('the stream could not be read', { cause: error });
      throw error;
    } finally {
      this.#reading = undefined;
      this.#buffered = [];
    }
  }

  async #readOnce(): Promise<void> {
    const [session, before] = [this.#edge.session(), this.#behind];
    const isValid = () => !this.#isClosed && session === this.#edge.session() && this.#behind === before;
    await this.#readWhile(isValid);
    const buffered = this.#buffered.splice(0);
    // Something was given back meanwhile: what could not be taken is not to be had right away either.
    if (this.#behind !== undefined && this.#behind !== before) throw this.#behind;
    if (!isValid()) {
      this.#isAskedAgain = true;
      return;
    }
    this.#behind = undefined;
    this.#isSure = true;
    for (const message of buffered) {
      if (message.sequence > this.#sequenceOf(message.origin) && !this.#accepts(message)) this.#isAskedAgain = true;
    }
    this.#caughtUpIn = session;
  }

  /** Reads to the end, or as long as this holds. */
  async #readWhile(isValid: () => boolean): Promise<void> {
    // By number, over all origins: what one region built on what another wrote comes after it.
    const wasSure = this.#isSure;
    const unread = this.#stream.origins.map((origin) => this.#unread(origin, wasSure));
    for await (const one of merged(unread, ({ message }) => message.sequence)) {
      if (!isValid()) return;
      this.#isSure = false;
      this.#accept(one);
    }
  }

  async *#unread(origin: string, isSure: boolean): AsyncGenerator<Unread> {
    // The last message may be gone because every pod has it; those that came after it are there until this pod has them.
    if (this.#stream.forgets) yield* this.#read(origin, this.#sequenceOf(origin) + 1);
    else yield* this.#unreadFromLast(origin, isSure);
  }

  async *#read(origin: string, first: number): AsyncGenerator<Unread> {
    // Where the stream forgets, it has all that this pod lacks. Else it may have been purged in part: the server ended meanwhile.
    const isNext = this.#stream.forgets;
    for await (const message of this.#stream.read(this.#workspace, origin, first)) {
      yield { message, isDoubtful: false, isNext };
    }
  }

  /**
   * Reads from the last message on, that one included: the stream may have given its number to another one.
   * @param isSure whether all before it is known to have come
   */
  async *#unreadFromLast(origin: string, isSure: boolean): AsyncGenerator<Unread> {
    const mark = this.#frontier.get(origin);
    let isFirst = true;
    let isNext = isSure;
    for await (const message of this.#stream.read(this.#workspace, origin, mark?.sequence ?? 1)) {
      let isDoubtful = false;
      if (isFirst && mark !== undefined) {
        const isMarked = isSame(message, mark);
        const isBeyond = message.sequence > mark.sequence && message.rollup !== undefined;
        if (!isMarked && !isBeyond) break;
        isFirst = false;
        if (isMarked) continue;
        // Another region's pods find out by themselves.
        isDoubtful = origin === this.#stream.origin && !this.#follows(message, mark);
      }
      isFirst = false;
      yield { message, isDoubtful, isNext };
      isNext = false;
    }
    if (!isFirst || mark === undefined) return;
    this.#frontier.delete(origin);
    this.#edge.streamLost();
    yield* this.#read(origin, 1);
  }
}
