import { createHash } from 'node:crypto';
import type { KubeObject } from '../kube/object.ts';
import { TokenBucket } from './token-bucket.ts';

/** Something that happened to an object, that whoever looks at the object is to know of. */
export interface Occurrence {
  readonly regarding: KubeObject;
  readonly type: 'Normal' | 'Warning';
  /** Why, as one word: `PodReplaced`. Up to 128 characters. */
  readonly reason: string;
  /** What was done, as one word: `Roll`. Up to 128 characters. */
  readonly action: string;
  /** For people; cut after 1,024 bytes. */
  readonly note: string;
  /** Another object that has to do with it. */
  readonly related?: KubeObject;
}

/** The same thing, as often as it happened without a long pause. */
export interface Series {
  readonly key: string;
  readonly occurrence: Occurrence;
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

export interface EventSeriesOptions {
  /** After a pause of so long the same thing counts as a new one. */
  readonly windowMs: number;
  /** So many new things are told of one object at once; the rest is dropped. */
  readonly burst: number;
  /** One more is told when so much time has passed. */
  readonly refillMs: number;
  /** So many things are kept in mind. */
  readonly limit: number;
}

interface Kept {
  series: Series;
  seenAt: number;
}

/** Tells what happens again from what is new, within bounds of memory and of new things for each object. */
export class EventSeries {
  readonly #options: EventSeriesOptions;
  /** The one that happened last is the last. */
  readonly #series = new Map<string, Kept>();
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: EventSeriesOptions) {
    this.#options = options;
  }

  /**
   * @param now in milliseconds of a clock that does not go back
   * @returns the series that it belongs to; undefined where too much happens to the object
   */
  add(occurrence: Occurrence, now: number): Series | undefined {
    const key = keyOf(occurrence);
    const kept = this.#series.get(key);
    const at = new Date();
    if (kept !== undefined && now - kept.seenAt < this.#options.windowMs) {
      const { count } = kept.series;
      return this.#keep({ ...kept.series, count: count + 1, lastAt: at }, now);
    }
    if (!this.#bucket(occurrence, now).take(now)) return undefined;
    return this.#keep({ key, occurrence, count: 1, firstAt: at, lastAt: at }, now);
  }

  #keep(series: Series, now: number): Series {
    this.#series.delete(series.key);
    this.#series.set(series.key, { series, seenAt: now });
    dropFirst(this.#series, this.#options.limit);
    return series;
  }

  #bucket({ regarding }: Occurrence, now: number): TokenBucket {
    const object = regarding.metadata.uid ?? `${regarding.metadata.namespace}/${regarding.metadata.name}`;
    const bucket = this.#buckets.get(object) ?? new TokenBucket(this.#options.burst, this.#options.refillMs, now);
    this.#buckets.delete(object);
    this.#buckets.set(object, bucket);
    dropFirst(this.#buckets, this.#options.limit);
    return bucket;
  }
}

function dropFirst<Key>(map: Map<Key, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

function keyOf({ regarding, type, reason, action, note, related }: Occurrence): string {
  const parts = [identity(regarding), related && identity(related), type, reason, action, note];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

function identity({ kind, metadata: { namespace, name, uid } }: KubeObject) {
  return [kind, namespace, name, uid];
}
