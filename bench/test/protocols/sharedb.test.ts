import { expect, test } from '@jest/globals';
import { sharedb } from '../../src/protocols/sharedb.ts';
import { Recorder } from './recorder.ts';

const frame = (message: object) => Buffer.from(JSON.stringify(message));

/** The nth client of workspace 3, subscribed at version 5. */
function subscribed(n: number) {
  const events = new Recorder();
  const client = sharedb.client({ workspace: 3, n }, events);
  client.receive(frame({ a: 'init', protocol: 1, id: 'x' }));
  client.receive(frame({ a: 's', c: 'bench', d: 'bench-3', data: { v: 5, data: {} } }));
  return { events, client };
}

test('one op is on its way, and what is written meanwhile follows as one', () => {
  const { events, client } = subscribed(1);
  expect(events.isReady).toBe(true);
  const first = JSON.parse(String(client.write(10)));
  expect(first).toMatchObject({ a: 'op', d: 'bench-3', v: 5, seq: 1, op: [{ p: ['key-1-0'], oi: 10 }] });
  expect(client.write(11)).toBeUndefined();
  expect(client.write(12)).toBeUndefined();
  client.receive(frame({ a: 'op', c: 'bench', d: 'bench-3', v: 5, seq: 1, src: 'client-3-1' }));
  expect(events.ackedCount).toBe(1);
  expect(events.sent.map((message) => JSON.parse(String(message)))).toMatchObject([
    { v: 6, seq: 2, op: [{ oi: 11 }, { oi: 12 }] },
  ]);
  client.receive(frame({ a: 'op', c: 'bench', d: 'bench-3', v: 6, seq: 2, src: 'client-3-1' }));
  expect(events.ackedCount).toBe(3);
});

test('ops are taken in the order of their versions, and once', () => {
  const { events, client } = subscribed(1);
  const op = (v: number) => frame({ a: 'op', v, src: 'client-3-0', seq: v, op: [{ p: ['key-0-0'], oi: v }] });
  for (const v of [4, 6, 5, 5, 7]) client.receive(op(v));
  expect(events.deliveries).toEqual([
    [0, 5],
    [0, 6],
    [0, 7],
  ]);
});

test('the first client makes the document where there is none, and is ready when it is made', () => {
  const events = new Recorder();
  const client = sharedb.client({ workspace: 3, n: 0 }, events);
  client.receive(frame({ a: 's', c: 'bench', d: 'bench-3', data: { v: 0 } }));
  expect(events.isReady).toBe(false);
  expect(JSON.parse(String(events.sent[0]))).toMatchObject({ v: 0, seq: 1, create: { data: {} } });
  client.receive(frame({ a: 'op', v: 0, seq: 1, src: 'client-3-0' }));
  expect(events.isReady).toBe(true);
});

test('an error ends the measurement', () => {
  const { client } = subscribed(1);
  expect(() => client.receive(frame({ a: 'op', error: { code: 4001, message: 'no' } }))).toThrow(/4001/);
});
