import {
  change,
  type Doc,
  decodeSyncMessage,
  encodeSyncMessage,
  from,
  generateSyncMessage,
  getHeads,
  getLastLocalChange,
  ImmutableString,
  init,
  initSyncState,
  receiveSyncMessage,
  save,
  toJS,
} from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import { isChange } from '../../src/strategy/automerge/change-header.ts';
import { AutomergeDocument } from '../../src/strategy/automerge/document.ts';

type Content = Record<string, unknown>;

/** A text that cannot be compressed much. */
function noise(bytes: number): ImmutableString {
  let seed = 1;
  return new ImmutableString(
    Array.from({ length: bytes }, () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return String.fromCharCode(33 + (seed % 90));
    }).join(''),
  );
}

/** A document, as a pod has it and as its author has it. */
class Shared {
  author: Doc<Content>;
  readonly document: AutomergeDocument;

  constructor(content: Content) {
    this.author = from(content);
    this.document = new AutomergeDocument(save(this.author));
  }

  edit(key: string, value: unknown): void {
    this.author = change(this.author, (doc) => {
      doc[key] = value;
    });
    this.document.add(getLastLocalChange(this.author) ?? new Uint8Array());
  }

  /** Somebody new is told all there is. @returns how many pieces it came in */
  join(): number {
    const hello = generateSyncMessage(init(), initSyncState())[1];
    const heard = this.document.hear(initSyncState(), hello ?? new Uint8Array());
    const [told, message] = this.document.tell(heard);
    expect(message).not.toBeNull();
    let [doc, state] = receiveSyncMessage(init<Content>(), initSyncState(), message ?? new Uint8Array());
    expect(toJS(doc)).toEqual(toJS(this.author));
    // It says that it has all, and sends nothing back; then there is nothing more to say.
    const [answered, answer] = generateSyncMessage(doc, state);
    const { heads, need, changes } = decodeSyncMessage(answer ?? new Uint8Array());
    expect({ heads, need, changes }).toEqual({ heads: getHeads(this.author), need: [], changes: [] });
    const [after, more] = this.document.tell(this.document.hear(told, answer ?? new Uint8Array()));
    expect(more).toBeNull();
    // What is new goes to it, and what it makes itself comes from it.
    this.edit('new', Math.random());
    const [known, news] = this.document.tell(after);
    expect(decodeSyncMessage(news ?? new Uint8Array()).changes).toHaveLength(1);
    [doc, state] = receiveSyncMessage(doc, answered, news ?? new Uint8Array());
    expect(toJS(doc)).toEqual(toJS(this.author));
    doc = change(doc, (draft) => {
      draft.mine = true;
    });
    const [said, own] = generateSyncMessage(doc, state);
    let brought = decodeSyncMessage(own ?? new Uint8Array()).changes;
    if (brought.length === 0) {
      // The filter of what this side has took it for one that is there, as filters may (1 in 100): then it is asked for.
      const [, asked] = this.document.tell(this.document.hear(known, own ?? new Uint8Array()));
      expect(decodeSyncMessage(asked ?? new Uint8Array()).need).toEqual(getHeads(doc));
      [doc, state] = receiveSyncMessage(doc, said, asked ?? new Uint8Array());
      brought = decodeSyncMessage(generateSyncMessage(doc, state)[1] ?? new Uint8Array()).changes;
    }
    expect(brought).toHaveLength(1);
    return decodeSyncMessage(message ?? new Uint8Array()).changes.length;
  }
}

test('who joins a large document while it is edited is told all of it, which is not packed anew for each change', () => {
  const shared = new Shared({ text: noise(200_000) });
  expect(shared.join()).toBe(1); // and makes a change
  expect(shared.join()).toBe(2);
  shared.edit('one', 1);
  shared.edit('two', { nested: [2] });
  expect(shared.join()).toBe(5);
  shared.edit('more', noise(100_000));
  expect(shared.join()).toBe(1);
  expect(shared.join()).toBe(2);
});

test('so is one whose library is too old to be sent documents: change by change', () => {
  const shared = new Shared({ text: noise(200_000) });
  const have = [{ lastSync: [], bloom: new Uint8Array() }];
  const hello = encodeSyncMessage({ heads: [], need: [], have, changes: [] });
  for (let n = 1; n <= 3; n += 1) {
    const [, message] = shared.document.tell(shared.document.hear(initSyncState(), hello));
    const [doc] = receiveSyncMessage(init<Content>(), initSyncState(), message ?? new Uint8Array());
    expect(toJS(doc)).toEqual(toJS(shared.author));
    const { changes } = decodeSyncMessage(message ?? new Uint8Array());
    expect(changes).toHaveLength(n);
    expect(changes.every(isChange)).toBe(true);
    shared.edit('n', n);
  }
});

test('a small document is packed for each who comes after a change', () => {
  const shared = new Shared({ text: 'small' });
  expect(shared.join()).toBe(1);
  expect(shared.join()).toBe(1);
});

test('what waits for a change that has not come is not sent', () => {
  const shared = new Shared({ text: noise(200_000) });
  expect(shared.join()).toBe(1);
  const missing = change(shared.author, (doc) => {
    doc.missing = true;
  });
  const early = change(missing, (doc) => {
    doc.early = true;
  });
  shared.document.add(getLastLocalChange(early) ?? new Uint8Array());
  const hello = generateSyncMessage(init(), initSyncState())[1] ?? new Uint8Array();
  const [, message] = shared.document.tell(shared.document.hear(initSyncState(), hello));
  const [doc] = receiveSyncMessage(init<Content>(), initSyncState(), message ?? new Uint8Array());
  expect(toJS(doc)).toEqual(toJS(shared.author));
  expect(decodeSyncMessage(message ?? new Uint8Array()).changes).toHaveLength(1);
});
