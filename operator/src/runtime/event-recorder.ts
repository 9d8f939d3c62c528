import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KINDS } from '../kube/kinds.ts';
import type { KubeObject, ObjectRef } from '../kube/object.ts';
import { ApiError, ApiUnavailableError } from './api-error.ts';
import { EventSeries, type Occurrence, type Series } from './event-series.ts';
import type { KubeClient } from './kube-client.ts';
import { microTime } from './micro-time.ts';

export interface EventRecorderOptions {
  /** As whom it reports: `etherply.io/operator`. */
  readonly controller: string;
  /** Which process that is: the name of its pod. */
  readonly instance: string;
  /** Is told of what could not be written, or was too much. */
  readonly onDropped?: (occurrence: Occurrence, why: string) => void;
  /** After a pause of so long the same thing is a new Event. */
  readonly windowMs?: number;
  /** The count of an Event is written so often at most. */
  readonly countMs?: number;
}

const WINDOW_MS = 6 * 60_000;
const COUNT_MS = 30_000;
/** New things about one object, at once and then one each so often: one that consists of 25 others makes and mends each. */
const BURST = 60;
const REFILL_MS = 10_000;
/** Things kept in mind, and things waiting to be written. */
const LIMIT = 1_000;
/** Between two requests. */
const GAP_MS = 50;
const RETRY_MS = 2_000;
/** When it is closed, what still waits has so much time. */
const CLOSE_MS = 3_000;
const NOTE_BYTES = 1_024;

interface Pending {
  series: Series;
  /** When it may be written, on the monotonic clock. */
  dueAt: number;
}

/**
 * Writes Events, for `kubectl describe` and `kubectl events`. Nobody waits for them and nothing fails because of them: they
 * are written in the background, one after another. What happens again is counted in the Event that there is.
 */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #options: EventRecorderOptions;
  readonly #series: EventSeries;
  /** By the key of the series. */
  readonly #pending = new Map<string, Pending>();
  /** Events that were written, by the key of the series. */
  readonly #written = new Map<string, { readonly ref: ObjectRef; readonly firstAt: Date; readonly at: number }>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(client: KubeClient, options: EventRecorderOptions) {
    this.#client = client;
    this.#options = options;
    const windowMs = options.windowMs ?? WINDOW_MS;
    this.#series = new EventSeries({ windowMs, burst: BURST, refillMs: REFILL_MS, limit: LIMIT });
  }

  /** Never throws, and does not wait. */
  record(occurrence: Occurrence): void {
    const refusal = this.#accept(occurrence);
    if (refusal === undefined) this.#wake();
    else this.#drop(occurrence, refusal);
  }

  /** @returns why it is dropped */
  #accept(occurrence: Occurrence): string | undefined {
    if (this.#isClosed) return 'the recorder is closed';
    const now = performance.now();
    const series = this.#series.add(occurrence, now);
    if (series === undefined) return 'too much happens to this object';
    const waiting = this.#pending.get(series.key);
    if (waiting === undefined && this.#pending.size >= LIMIT) return 'too much waits';
    const written = this.#eventOf(series);
    const dueAt = written === undefined ? now : written.at + (this.#options.countMs ?? COUNT_MS);
    this.#pending.set(series.key, { series, dueAt: waiting?.dueAt ?? dueAt });
    return undefined;
  }

  /** Writes what still waits, for a few seconds at most; nothing is recorded after that. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const pending of this.#pending.values()) pending.dueAt = 0;
    this.#wake();
    await Promise.race([this.#untilWritten(), sleep(CLOSE_MS, undefined, { ref: false })]);
    clearTimeout(this.#timer);
    for (const { series } of this.#pending.values()) this.#drop(series.occurrence, 'the recorder is closed');
    this.#pending.clear();
  }

  async #untilWritten(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#writing ??= this.#writeDue().finally(() => {
      this.#writing = undefined;
      const next = Math.min(...[...this.#pending.values()].map(({ dueAt }) => dueAt));
      if (next < Number.POSITIVE_INFINITY) {
        this.#timer = setTimeout(() => this.#wake(), Math.max(0, next - performance.now()));
        // Events are no reason to go on for a process that has nothing else to do.
        this.#timer.unref();
      }
    });
  }

  async #writeDue(): Promise<void> {
    for (;;) {
      const due = [...this.#pending.values()].find(({ dueAt }) => dueAt <= performance.now());
      if (due === undefined) return;
      this.#pending.delete(due.series.key);
      await this.#write(due.series);
      await sleep(GAP_MS);
    }
  }

  async #write(series: Series): Promise<void> {
    const written = this.#eventOf(series);
    try {
      if (written === undefined) {
        const ref = await this.#create(series);
        this.#remember(series, ref);
      } else {
        await this.#client.mergePatch(KINDS.Event, written.ref, { series: countOf(series) });
        this.#remember(series, written.ref);
      }
    } catch (error) {
      this.#retryOrDrop(series, error);
    }
  }

  #retryOrDrop(series: Series, error: unknown): void {
    if (!(error instanceof ApiError || error instanceof ApiUnavailableError)) throw error;
    if (error instanceof ApiUnavailableError || error.isTransient) this.#again(series, performance.now() + RETRY_MS);
    // Events live for an hour: this one is written anew.
    else if (error.isNotFound && this.#written.delete(series.key)) this.#again(series, 0);
    else this.#drop(series.occurrence, error.message);
  }

  /** Unless it has happened again in the meantime, and waits already. */
  #again(series: Series, dueAt: number): void {
    if (!this.#pending.has(series.key)) this.#pending.set(series.key, { series, dueAt });
  }

  async #create(series: Series): Promise<ObjectRef> {
    const { regarding, related, type, reason, action, note } = series.occurrence;
    const namespace = regarding.metadata.namespace ?? 'default';
    const name = `${regarding.metadata.name.slice(0, 200)}.${randomBytes(8).toString('hex')}`;
    await this.#client.create({
      apiVersion: KINDS.Event.apiVersion,
      kind: KINDS.Event.kind,
      metadata: { namespace, name },
      eventTime: microTime(series.firstAt),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      type,
      reason,
      action,
      note: cut(note),
      regarding: referenceTo(regarding),
      ...(related && { related: referenceTo(related) }),
      ...(series.count > 1 && { series: countOf(series) }),
    });
    return { namespace, name };
  }

  /** @returns undefined where the series began after what was written under its key */
  #eventOf({ key, firstAt }: Series) {
    const written = this.#written.get(key);
    return written?.firstAt === firstAt ? written : undefined;
  }

  #remember({ key, firstAt }: Series, ref: ObjectRef): void {
    this.#written.delete(key);
    this.#written.set(key, { ref, firstAt, at: performance.now() });
    if (this.#written.size <= LIMIT) return;
    const [oldest] = this.#written.keys();
    if (oldest !== undefined) this.#written.delete(oldest);
  }

  #drop(occurrence: Occurrence, why: string): void {
    this.#options.onDropped?.(occurrence, why);
  }
}

function countOf({ count, lastAt }: Series) {
  return { count, lastObservedTime: microTime(lastAt) };
}

function referenceTo({ apiVersion, kind, metadata: { namespace, name, uid } }: KubeObject) {
  return { apiVersion, kind, namespace, name, uid };
}

function cut(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= NOTE_BYTES) return note;
  // Where the cut is inside a character, that one goes, too.
  return `${new TextDecoder().decode(bytes.subarray(0, NOTE_BYTES - 6)).replace(/\uFFFD$/, '')}…`;
}
