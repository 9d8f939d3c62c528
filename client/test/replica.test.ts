import { isDeepStrictEqual } from 'node:util';
import type { Json, OpEvent } from '@etherply/protocol';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Message } from '../src/message.ts';
import { jsonEqual } from '../src/replica/json-equal.ts';
import { Replica } from '../src/replica/replica.ts';

const key = fc.constantFrom('a', 'b', 'c', '__proto__');
const value: fc.Arbitrary<Json> = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant({ x: [1] }), fc.constant(null));
const op: fc.Arbitrary<OpEvent> = fc.oneof(
  fc.record({ key, value, timestamp: fc.constant(0) }),
  fc.record({ key, deleted: fc.constant(true as const), timestamp: fc.constant(0) }),
);
const ops = fc.array(op, { minLength: 1, maxLength: 3 });

type Step =
  | { readonly kind: 'write' | 'remote'; readonly ops: readonly OpEvent[] }
  | { readonly kind: 'ack' | 'reject' | 'error' | 'ack lost' | 'init' | 'delta' };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('write', 'remote'), ops }),
  fc.record({ kind: fc.constantFrom('ack', 'reject', 'error', 'ack lost', 'init', 'delta') }),
);

type State = Map<string, Json>;

function written(state: State, all: readonly OpEvent[]): State {
  const next = new Map(state);
  for (const one of all) {
    if ('value' in one) next.set(one.key, one.value);
    else next.delete(one.key);
  }
  return next;
}

/** What keys hold on the server, as it tells it. */
function toldOf(state: State, keys: Iterable<string>): OpEvent[] {
  return [...keys].map((one) => {
    const held = state.get(one);
    return held === undefined ? { key: one, deleted: true, timestamp: 0 } : { key: one, value: held, timestamp: 0 };
  });
}

/** A server, and a client of it as it ought to be: plain maps, with everything computed anew each time. */
class Model {
  server: State = new Map();
  /** What the client has heard of the server's state. */
  confirmed: State = new Map();
  pending: Message[] = [];
  /** How many of the pending messages the server took without the client knowing. */
  unheard = 0;

  get view(): State {
    return this.pending.reduce((state, message) => written(state, message.ops), this.confirmed);
  }
}

function take(model: Model, replica: Replica, one: Step, n: number): string[] {
  const oldest = model.pending[0];
  switch (one.kind) {
    case 'write': {
      const message = { id: `m${n}`, ops: one.ops };
      model.pending.push(message);
      return replica.write(message);
    }
    case 'remote':
      // While the client has not heard of its own ops, it hears of nobody's: the connection is gone.
      model.server = written(model.server, one.ops);
      if (model.unheard > 0) return [];
      model.confirmed = written(model.confirmed, one.ops);
      return replica.apply(one.ops);
    case 'ack lost': {
      const next = model.pending[model.unheard];
      if (next === undefined) return [];
      model.server = written(model.server, next.ops);
      model.unheard += 1;
      return [];
    }
    case 'init':
    case 'delta': {
      const keys = new Set([...model.server.keys(), ...model.confirmed.keys()]);
      const changed =
        one.kind === 'init'
          ? replica.reset(Object.fromEntries(model.server))
          : replica.apply(toldOf(model.server, keys));
      model.confirmed = new Map(model.server);
      // What it had taken is sent again and acked, and the server tells what holds now.
      for (const { id, ops: own } of model.pending.splice(0, model.unheard)) {
        replica.acked(id);
        replica.apply(toldOf(model.server, new Set(own.map((each) => each.key))));
        model.unheard = 0;
        changed.push(...own.map((each) => each.key));
      }
      return changed;
    }
    case 'ack':
      if (oldest === undefined || model.unheard > 0) return [];
      model.server = written(model.server, oldest.ops);
      model.confirmed = new Map(model.server);
      model.pending.shift();
      return replica.acked(oldest.id);
    case 'reject':
    case 'error': {
      if (oldest === undefined || model.unheard > 0) return [];
      model.pending.shift();
      const refused = oldest.ops.slice(0, 1).map((each) => each.key);
      return replica.dropped(oldest.id, one.kind === 'reject' ? toldOf(model.server, refused) : []);
    }
  }
}

function sorted(entries: Iterable<readonly [string, Json]>): (readonly [string, Json])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

test('in whatever order things happen, a client sees what the server has with its own pending writes over it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      const replica = new Replica();
      for (const [n, one] of steps.entries()) {
        const before = model.view;
        const changed = take(model, replica, one, n);
        expect(sorted(replica.entries())).toEqual(sorted(model.view));
        expect(sorted(replica.confirmed)).toEqual(sorted(model.confirmed));
        for (const each of ['a', 'b', 'c', '__proto__']) {
          expect(replica.get(each)).toEqual(model.view.get(each));
          const isChanged = !jsonEqual(before.get(each), model.view.get(each));
          // Acks after a reconnect come one by one, and what they change may change back.
          const acksFollow = one.kind === 'init' || one.kind === 'delta';
          if (!acksFollow || isChanged) expect(changed.includes(each)).toBe(isChanged);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('messages of an earlier run come before those of this one', () => {
  const replica = new Replica();
  replica.write({ id: 'new', ops: [{ key: 'k', value: 'new', timestamp: 2 }] });
  const changed = replica.restore([
    { id: 'old', ops: [{ key: 'k', value: 'old', timestamp: 1 }] },
    { id: 'older', ops: [{ key: 'other', value: 1, timestamp: 1 }] },
  ]);
  expect(changed).toEqual(['other']);
  expect([...replica.entries()]).toEqual([
    ['k', 'new'],
    ['other', 1],
  ]);
  expect(replica.dropped('new')).toEqual(['k']);
  expect(replica.get('k')).toBe('old');
});

test('two values are equal where they are the same JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (one, other) => {
      const [a, b]: [Json, Json] = JSON.parse(JSON.stringify([one, other]));
      expect(jsonEqual(a, b)).toBe(isDeepStrictEqual(a, b));
      expect(jsonEqual(a, JSON.parse(JSON.stringify(a)))).toBe(true);
    }),
  );
  expect(jsonEqual({ a: 1, b: 2 }, { b: 2, a: 1 })).toBe(true);
  expect(jsonEqual([], {})).toBe(false);
  expect(jsonEqual(JSON.parse('{"__proto__":1}'), { x: 1 })).toBe(false);
  expect(jsonEqual(undefined, null)).toBe(false);
});
