import { expect, test } from '@jest/globals';
import { centrifugo } from '../../src/protocols/centrifugo.ts';
import { Recorder } from './recorder.ts';

test('replies that share a frame are each taken, its own publications are not deliveries, and a ping has its pong', () => {
  const events = new Recorder();
  const client = centrifugo.client({ workspace: 3, n: 1 }, events);
  client.receive(Buffer.from('{"id":1,"connect":{"client":"x"}}\n{"id":2,"subscribe":{"recoverable":true}}\n'));
  expect(events.isReady).toBe(true);
  expect(JSON.parse(client.write(10)?.toString() ?? '')).toEqual({
    id: 3,
    publish: { channel: 'bench-3', data: { key: 'key-1', value: 10 } },
  });
  const publication = (key: string, value: number) =>
    JSON.stringify({ push: { channel: 'bench-3', pub: { data: { key, value }, offset: 1 } } });
  client.receive(Buffer.from(`{"id":3,"publish":{}}\n${publication('key-1', 10)}\n${publication('key-0', 11)}\n{}`));
  expect(events.ackedCount).toBe(1);
  expect(events.deliveries).toEqual([[0, 11]]);
  expect(events.sent).toEqual(['{}']);
});

test('an error ends the measurement', () => {
  const client = centrifugo.client({ workspace: 3, n: 1 }, new Recorder());
  expect(() => client.receive(Buffer.from('{"id":2,"error":{"code":103,"message":"permission denied"}}'))).toThrow(
    /permission denied/,
  );
});
