import { expect, test } from '@jest/globals';
import { etherply } from '../../src/protocols/etherply.ts';
import { Recorder } from './recorder.ts';

function opened() {
  const events = new Recorder();
  const client = etherply.client({ workspace: 3, n: 1 }, events);
  client.receive(Buffer.from('{"type":"init","data":{"key-0":{"heads":["x"]}},"heads":["h1","h2"],"user_id":"bench"}'));
  return { events, client };
}

test('acks are counted, and each write of a frame is a delivery', () => {
  const { events, client } = opened();
  expect(events.isReady).toBe(true);
  expect(events.deliveries).toEqual([]);
  client.receive(Buffer.from('{"type":"ack","ids":[],"count":12,"heads":["h3"],"durability":"local"}'));
  expect(events.ackedCount).toBe(12);
  client.receive(
    Buffer.from(
      '{"type":"ops","payload":[{"key":"key-0","value":20,"timestamp":1},{"key":"key-11","value":21,"timestamp":2}],"user_id":"bench"}',
    ),
  );
  expect(events.deliveries).toEqual([
    [0, 20],
    [11, 21],
  ]);
});

test('what it writes is what the floor passes on, as it came', () => {
  const { events, client } = opened();
  client.receive(Buffer.from(String(client.write(7))));
  expect(events.deliveries).toEqual([[1, 7]]);
});

test('a client that resumes says which heads it has', () => {
  const { client } = opened();
  const another = etherply.client({ workspace: 3, n: 1 }, new Recorder());
  expect(another.path('token=t')).toMatch(/\/bench-3\?.*token=t$/);
  expect(client.resume?.().path('token=t')).toMatch(/\/bench-3\?.*token=t&heads=h1,h2$/);
});

test('an error ends the measurement', () => {
  const { client } = opened();
  expect(() => client.receive(Buffer.from('{"type":"error","code":"too_fast"}'))).toThrow(/too_fast/);
});

test('each presence of a frame is seen', () => {
  const { events, client } = opened();
  client.receive(Buffer.from(String(client.present?.(5)))); // as the floor passes it on
  client.receive(
    Buffer.from(
      '{"type":"presence","updated":[{"user_id":"bench","payload":{"at":6}},{"user_id":"bench","payload":{"at":7}}]}',
    ),
  );
  expect(events.seenAt).toEqual([5, 6, 7]);
  expect(events.deliveries).toEqual([]);
});
