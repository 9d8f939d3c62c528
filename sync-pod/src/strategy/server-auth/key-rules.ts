import type { Json, KeyRule, Writer } from '@etherply/protocol';
import { TokenBucket } from '../../limits/token-bucket.ts';
import type { Author, Op, Refusal } from '../strategy.ts';

/** For how many seconds' worth of writes a key that has rested may be written at once. */
const BURST_SECONDS = 2;
/** With more keys than this under a rate, those that rest are let go of. */
const SWEEP_FROM = 10_000;

/** The rules that single keys of a workspace have. */
export class KeyRules {
  readonly #rules: readonly KeyRule[];
  #buckets = new Map<string, TokenBucket>();

  constructor(rules: readonly KeyRule[]) {
    this.#rules = rules;
  }

  /** Why this op is refused, or undefined where it is not. `held` is the text of what the key holds now. */
  check(op: Op, author: Author, held: string | undefined, nowMs: number): Refusal | undefined {
    for (const rule of this.#rules) {
      const wildcard = wildcardOf(rule.key, op.key);
      if (wildcard === undefined) continue;
      const refusal =
        checkWriter(rule, op.key, author, wildcard) ??
        checkStep(rule, op, held) ??
        this.#checkRate(rule, op.key, nowMs);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #checkRate({ key: pattern, max_writes_per_second: rate }: KeyRule, key: string, nowMs: number): Refusal | undefined {
    if (rate === undefined) return undefined;
    if (this.#buckets.size >= SWEEP_FROM) {
      this.#buckets = new Map([...this.#buckets].filter(([, bucket]) => !bucket.isFull(nowMs)));
    }
    const name = JSON.stringify([pattern, key]);
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(rate, Math.max(1, rate * BURST_SECONDS), nowMs);
      this.#buckets.set(name, bucket);
    }
    if (bucket.take(1, nowMs)) return undefined;
    return { key, code: 'key_rate_exceeded', message: `this key takes ${rate} writes a second` };
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

function isWriter(writer: Writer, { claims }: Author, wildcard: string): boolean {
  if ('scope' in writer)
    return claimHolds(claims.scopes, writer.scope) || scopeText(claims.scope).includes(writer.scope);
  const expected = 'equals' in writer ? writer.equals : wildcard;
  return Object.hasOwn(claims, writer.claim) && claimHolds(claims[writer.claim], expected);
}

function claimHolds(claim: unknown, expected: unknown): boolean {
  return Array.isArray(claim) ? claim.includes(expected) : claim === expected;
}

function scopeText(scope: unknown): readonly string[] {
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
