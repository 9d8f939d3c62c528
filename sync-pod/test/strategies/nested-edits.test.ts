import * as Automerge from '@automerge/automerge';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { actorAndSeq } from '../../src/strategy/automerge/change-header.ts';
import { libraryJson } from './library-json.ts';
import { messageOf, Replica, type Write, writes } from './replica.ts';

type Content = Record<string, unknown>;

/** What an application does to a document. Each is a no-op where the document has nothing to do it to. */
type Edit =
  | { readonly put: { readonly key: string; readonly value: unknown } }
  | { readonly delete: string }
  | { readonly text: { readonly key: string; readonly at: number; readonly remove: number; readonly insert: string } }
  | { readonly field: { readonly key: string; readonly field: string; readonly value: unknown } }
  | { readonly item: { readonly key: string; readonly at: number; readonly value: unknown } }
  | { readonly count: { readonly key: string; readonly by: number } };

/** A peer edits, or the server gets an op, or one learns all that another has. Peer 0 and 1; the server is `pod`. */
type Step =
  | { readonly peer: number; readonly edits: readonly Edit[] }
  | { readonly ops: Write[] }
  | { readonly hears: number | 'pod'; readonly from: number | 'pod' }
  | { readonly compact: true }
  /** Its whole document goes, as when others take the memory. */
  | { readonly drop: true };

const key = fc.constantFrom('a', 'b', 'ключ');
const value = fc.oneof(
  // The library itself cannot read changes with integers that are not safe.
  libraryJson({ maxDepth: 2 }).filter((json) => !/\d{16}|e\+/.test(JSON.stringify(json))),
  fc.constant({ list: [1, { deep: true }], name: 'n' }),
  fc.constant(['x', 'y']),
  fc.constant('text'),
);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ put: fc.record({ key, value }) }),
  fc.record({ delete: key }),
  fc.record({
    text: fc.record({ key, at: fc.nat(5), remove: fc.nat(2), insert: fc.constantFrom('', 'q', 'äö', '😀') }),
  }),
  fc.record({ field: fc.record({ key, field: fc.constantFrom('name', 'list', 'new'), value }) }),
  fc.record({ item: fc.record({ key, at: fc.nat(3), value }) }),
  fc.record({ count: fc.record({ key, by: fc.nat(9) }) }),
);
const who = fc.constantFrom<number | 'pod'>(0, 1, 'pod');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ peer: fc.nat(1), edits: fc.array(edit, { minLength: 1, maxLength: 3 }) }),
  fc.record({ ops: writes.map((list) => list.filter((write) => write.key !== '__proto__')) }),
  fc.record({ hears: who, from: who }),
  fc.constant({ compact: true as const }),
  fc.constant({ drop: true as const }),
);

function carryOut(doc: Content, one: Edit): void {
  if ('put' in one) doc[one.put.key] = one.put.value;
  else if ('delete' in one) delete doc[one.delete];
  else if ('text' in one) {
    const held = doc[one.text.key];
    if (typeof held !== 'string') return;
    const at = Math.min(one.text.at, held.length);
    Automerge.splice(doc, [one.text.key], at, Math.min(one.text.remove, held.length - at), one.text.insert);
  } else if ('field' in one) {
    const held = doc[one.field.key];
    if (isMap(held)) held[one.field.field] = one.field.value;
  } else if ('item' in one) {
    const held = doc[one.item.key];
    if (Array.isArray(held)) held.splice(Math.min(one.item.at, held.length), 1, one.item.value);
  } else {
    const held = doc[one.count.key];
    if (held instanceof Automerge.Counter) held.increment(one.count.by);
    else doc[one.count.key] = new Automerge.Counter(one.count.by);
  }
}

function isMap(held: unknown): held is Content {
  const isObject = typeof held === 'object' && held !== null && !Array.isArray(held);
  return isObject && !(held instanceof Automerge.Counter) && !(held instanceof Automerge.ImmutableString);
}

/** Documents of stock Automerge, and a pod that has the same workspace as its log of changes. */
class Exchange {
  readonly pod = new Replica('automerge');
  readonly #peers = ['11', 'ee'].map((actor) => Automerge.init<Content>({ actor: actor.repeat(16) }));

  async play(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      if ('edits' in one) {
        const doc = this.#peer(one.peer);
        this.#peers[one.peer] = Automerge.change(doc, (draft) => {
          for (const each of one.edits) carryOut(draft, each);
        });
      } else if ('ops' in one) await this.pod.write([messageOf(one.ops)]);
      else if ('compact' in one) await this.pod.compact();
      else if ('drop' in one) this.pod.dropDocument();
      else await this.hear(one.hears, one.from);
    }
  }

  async hear(hears: number | 'pod', from: number | 'pod'): Promise<void> {
    const changes = from === 'pod' ? this.#changesOfPod() : Automerge.getAllChanges(this.#peer(from));
    if (hears !== 'pod') [this.#peers[hears]] = Automerge.applyChanges(this.#peer(hears), changes);
    else for (const data of changes) await this.pod.receive({ data, timestamps: [] });
  }

  async settle(): Promise<void> {
    for (const from of [0, 1]) await this.hear('pod', from);
    for (const peer of [0, 1]) await this.hear(peer, 'pod');
  }

  /** As JSON has it. */
  peerState(peer: number): unknown {
    return JSON.parse(JSON.stringify(Automerge.toJS(this.#peer(peer))));
  }

  podState(): Content {
    return stateOf(this.pod);
  }

  #peer(index: number): Automerge.Doc<Content> {
    const doc = this.#peers[index];
    if (doc === undefined) throw new Error(`there is no peer ${index}`);
    return doc;
  }

  #changesOfPod(): Uint8Array[] {
    const stored = Buffer.concat([this.pod.packed, ...this.pod.tail]);
    return stored.length === 0 ? [] : Automerge.getAllChanges(Automerge.load(stored));
  }
}

describe('a workspace that is edited as a whole Automerge document', () => {
  test('has the state that stock Automerge has, whoever edits and learns when, compacted at any time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const exchange = new Exchange();
        await exchange.play(steps);
        await exchange.settle();
        expect(exchange.podState()).toEqual(exchange.peerState(0));
        expect(exchange.podState()).toEqual(exchange.peerState(1));
      }),
      { numRuns: 300 },
    );
  });

  test('is the same when its records come in any order of the actors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.infiniteStream(fc.nat(10)), async (steps, choices) => {
        const exchange = new Exchange();
        await exchange.play(steps);
        await exchange.settle();
        const other = new Replica('automerge', 'dd'.repeat(16));
        for (const data of shuffled(exchange.pod.tail, choices)) await other.receive({ data, timestamps: [] });
        if (exchange.pod.packed.length > 0) return; // then they are not all in the tail
        expect(stateOf(other)).toEqual(exchange.podState());
      }),
      { numRuns: 200 },
    );
  });

  test('what waited for the change that needs the history is there with it', async () => {
    const exchange = new Exchange();
    const put: Edit = { put: { key: 'a', value: 'text' } };
    await exchange.play([
      { peer: 0, edits: [put] },
      { hears: 'pod', from: 0 },
    ]);
    await exchange.play([
      {
        ops: [
          { key: 'b', value: {} },
          { key: 'a', value: undefined },
        ],
      },
    ]);
    const other = new Replica('automerge', 'dd'.repeat(16));
    for (const data of exchange.pod.tail.toReversed()) await other.receive({ data, timestamps: [] });
    expect(stateOf(other)).toEqual({ b: {} });
  });

  test('since(heads) holds every key that changed after them, edits inside values included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.nat(20), async (steps, cut) => {
        const exchange = new Exchange();
        await exchange.play(steps.slice(0, cut));
        const { strategy } = exchange.pod;
        const before = exchange.podState();
        const heads = strategy.heads();
        await exchange.play(steps.slice(cut));
        const now = exchange.pod.strategy;
        for (const { key: name, json } of now.since(heads) ?? now.view()) {
          if (json === undefined) delete before[name];
          else before[name] = JSON.parse(json);
        }
        expect(before).toEqual(exchange.podState());
      }),
      { numRuns: 200 },
    );
  });

  test('a document that is made of what is in already tells nobody of a change', async () => {
    const pod = new Replica('automerge');
    await pod.write([messageOf([{ key: 'text', value: 'abc' }])]);
    await pod.write([messageOf([{ key: 'list', value: [1, { two: 2 }] }])]);
    const before = [...pod.strategy.view()];
    pod.strategy.complete(Buffer.concat(pod.tail), pod.position);
    expect(pod.strategy.settle()).toEqual([]);
    expect(pod.strategy.since(pod.strategy.heads())).toEqual([]);
    expect([...pod.strategy.view()]).toEqual(before);
  });

  test('counters, bytes, times and large numbers are what JSON has for them', async () => {
    const exchange = new Exchange();
    const doc = Automerge.from(
      {
        count: new Automerge.Counter(3),
        bytes: new Uint8Array([1, 2]),
        at: new Date(0),
        deep: { count: new Automerge.Counter(1) },
      },
      { actor: '77'.repeat(16) },
    );
    const more = Automerge.change(doc, (draft) => {
      draft.count.increment(4);
      draft.deep.count.increment(1);
    });
    for (const data of Automerge.getAllChanges(more)) await exchange.pod.receive({ data, timestamps: [] });
    expect(exchange.podState()).toEqual({
      count: 7,
      bytes: 'AQI=',
      at: '1970-01-01T00:00:00.000Z',
      deep: { count: 2 },
    });
  });
});

/** Values, whatever the order of what is in them. */
function stateOf({ strategy }: Replica): Content {
  return Object.fromEntries([...strategy.view()].map(({ key: name, json }) => [name, JSON.parse(json ?? '')]));
}

/** Mixed, but the changes of each actor stay in order. */
function shuffled(changes: readonly Uint8Array[], choices: Iterator<number>): Uint8Array[] {
  const byActor = new Map<string, Uint8Array[]>();
  for (const change of changes) {
    if (change.length === 0) continue;
    const actor = actorAndSeq(change)?.actor ?? Automerge.decodeChange(change).actor;
    byActor.set(actor, [...(byActor.get(actor) ?? []), change]);
  }
  const mixed: Uint8Array[] = [];
  for (let queues = [...byActor.values()]; queues.length > 0; queues = queues.filter((queue) => queue.length > 0)) {
    const [next] = queues[Number(choices.next().value) % queues.length]?.splice(0, 1) ?? [];
    if (next !== undefined) mixed.push(next);
  }
  return mixed;
}
