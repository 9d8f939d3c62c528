import type { Json, KeyRule, Writer } from '@etherply/protocol';
import { LRUCache } from 'lru-cache';
import { TokenBucket } from '../../limits/token-bucket.ts';
import type { Author, Op, Refusal } from '../strategy.ts';

/** For how many seconds' worth of writes a key that has rested may be written at once. */
const BURST_SECONDS = 2;
/** Of how many keys it is remembered how often they are written; beyond, those written longest ago are forgotten. */
const MAX_BUCKETS = 10_000;
const GRANTED_SCOPES: ReadonlySet<string> = new Set(['read', 'write', 'admin']);

/** The rules that single keys of a workspace have. */
export class KeyRules {
  readonly #rules: readonly KeyRule[];
  readonly #buckets = new LRUCache<string, TokenBucket>({ max: MAX_BUCKETS });

  constructor(rules: readonly KeyRule[]) {
    this.#rules = rules;
  }

  /** Why this op is refused, whenever it comes, or undefined where it is not. `held` is the text of what the key holds now. */
  check(op: Op, author: Author, held: string | undefined): Refusal | undefined {
    for (const rule of this.#rules) {
      const wildcard = wildcardOf(rule.key, op.key);
      if (wildcard === undefined) continue;
      const refusal = checkWriter(rule, op.key, author, wildcard) ?? checkStep(rule, op, held);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Counts a write to this key; gives the refusal where there have been too many. To be asked last: only what passes counts. */
  count({ key }: Op, nowMs: number): Refusal | undefined {
    for (const { key: pattern, max_writes_per_second: rate } of this.#rules) {
      if (rate === undefined || wildcardOf(pattern, key) === undefined) continue;
      if (this.#bucketOf(pattern, key, rate, nowMs).take(1, nowMs)) continue;
      return { key, code: 'key_rate_exceeded', message: `this key takes ${rate} writes a second` };
    }
    return undefined;
  }

  #bucketOf(pattern: string, key: string, rate: number, nowMs: number): TokenBucket {
    const name = JSON.stringify([pattern, key]);
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(rate, Math.max(1, rate * BURST_SECONDS), nowMs);
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }
}

/** What the `*` at the end of a pattern stands for; the empty text where there is none, undefined where the key is another. */
function wildcardOf(pattern: string, key: string): string | undefined {
  if (!pattern.endsWith('*')) return pattern === key ? '' : undefined;
  const prefix = pattern.slice(0, -1);
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

function checkWriter({ writers }: KeyRule, key: string, author: Author, wildcard: string): Refusal | undefined {
  if (writers === undefined || writers.some((writer) => isWriter(writer, author, wildcard))) return undefined;
  return { key, code: 'writer_not_allowed', message: 'your token gives no right to write this key' };
}

function isWriter(writer: Writer, { scopes, claims }: Author, wildcard: string): boolean {
  if ('scope' in writer && GRANTED_SCOPES.has(writer.scope)) return scopes.has(writer.scope);
  if ('scope' in writer) return claimHolds(claims.scopes ?? scopeList(claims.scope), writer.scope);
  const expected = 'equals' in writer ? writer.equals : wildcard;
  return Object.hasOwn(claims, writer.claim) && claimHolds(claims[writer.claim], expected);
}

function claimHolds(claim: unknown, expected: unknown): boolean {
  return Array.isArray(claim) ? claim.includes(expected) : claim === expected;
}

function scopeList(scope: unknown): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ') : [];
}

function checkStep({ max_step: step }: KeyRule, { key, value }: Op, held: string | undefined): Refusal | undefined {
  if (step === undefined) return undefined;
  const refuse = (message: string): Refusal => ({ key, code: 'step_too_large', message });
  if (typeof value !== 'number') return refuse('this key holds a number, which can be changed but not taken away');
  const before: Json | undefined = held === undefined ? undefined : JSON.parse(held);
  if (typeof before !== 'number' || Math.abs(value - before) <= step) return undefined;
  return refuse(`one write may change this number by at most ${step}`);
}
