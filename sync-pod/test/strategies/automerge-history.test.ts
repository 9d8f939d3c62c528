import { encodeChange, from, getAllChanges, getHeads } from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import { automergeHistory } from '../../src/strategy/automerge/automerge-history.ts';

test('packed history has all changes, also where the library could not load what it saves of them', async () => {
  const doc = from({ text: 'abc' });
  const header = { actor: '22'.repeat(16), author: null, seq: 1, startOp: 9, time: 0, message: 'of nothing' };
  const deletion = { action: 'del', obj: '_root', key: 'x', pred: [] };
  const odd = encodeChange({ ...header, deps: getHeads(doc), ops: [deletion] });
  for (const rest of [getAllChanges(doc), [...getAllChanges(doc), odd]]) {
    const packed = await automergeHistory.pack({ base: [], packed: new Uint8Array(), rest: Buffer.concat(rest) });
    const records = await automergeHistory.records({ base: [], packed, rest: new Uint8Array() });
    expect(records.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(
      rest.map((change) => Buffer.from(change).toString('hex')),
    );
  }
});
