import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { closeAll, next, open } from './clients.ts';
import { ScriptedServer } from './scripted-server.ts';

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(async () => {
  await closeAll();
  server.stop();
});

const entry = (session_id: string, payload: unknown = null) => ({
  user_id: 'bob',
  session_id,
  status: 'online',
  payload,
});

test('others come, change and go; this session is not among them', async () => {
  const client = open({ url: server.url });
  const peer = await server.accept();
  peer.init();
  let changed = next(client, 'presence');
  peer.send({ type: 'presence', snapshot: [entry('me'), entry('one'), entry('two')] });
  expect(await changed).toEqual({ joined: [entry('one'), entry('two')], updated: [], left: [] });
  changed = next(client, 'presence');
  peer.send({ type: 'presence', joined: [], updated: [entry('me', 1)], left: [] });
  peer.send({ type: 'presence', joined: [entry('three')], updated: [entry('one', 'typing')], left: [entry('two')] });
  expect(await changed).toEqual({ joined: [entry('three')], updated: [entry('one', 'typing')], left: [entry('two')] });
  expect([...client.presence.values()]).toEqual([entry('one', 'typing'), entry('three')]);
});

test('after a reconnect those who are still there have not left and come', async () => {
  const client = open({ url: server.url });
  const first = await server.accept();
  first.init();
  first.send({ type: 'presence', snapshot: [entry('one'), entry('two')] });
  await next(client, 'presence');
  first.cut();
  const second = await server.accept();
  second.init();
  second.send({ type: 'presence', snapshot: [entry('two', 1), entry('three')] });
  expect(await next(client, 'presence')).toEqual({
    joined: [entry('three')],
    updated: [entry('two', 1)],
    left: [entry('one')],
  });
});

test('what a session says of itself is sent again after a reconnect', async () => {
  const client = open({ url: server.url });
  client.setPresence({ cursor: 1 });
  client.setPresence({ cursor: 2 }, 'typing');
  const frame = { type: 'presence', payload: { cursor: 2 }, status: 'typing' };
  const first = await server.accept();
  first.init();
  expect(await first.take('presence')).toEqual(frame);
  first.cut();
  const second = await server.accept();
  second.init();
  expect(await second.take('presence')).toEqual(frame);
  client.setPresence(null);
  expect(await second.take('presence')).toEqual({ ...frame, payload: null });
});
