import { afterEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_USERS } from '../../src/webhooks/event.ts';
import { hang, Receiver, Sender, status, until, workspaceId } from './receiver.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HOUR = 3_600_000;

let receiver: Receiver;
let sender: Sender;
afterEach(async () => {
  await sender.webhooks.close(0);
  await receiver.stop();
});

test('each event is a POST with its name, its id and its time', async () => {
  receiver = await Receiver.start();
  sender = new Sender(receiver.url, { now: () => Date.UTC(2026, 0, 1), concurrency: 1 });
  const client = { workspaceId: workspaceId('demo'), userId: 'alice', sessionId: 's1' };
  sender.webhooks.connected(client);
  sender.webhooks.disconnected({ ...client, code: 1001 });
  await sender.idle();
  sender.update('demo', 2, 'h1', 'alice', 'bob');
  await sender.idle();
  const common = { id: expect.stringMatching(UUID), time: '2026-01-01T00:00:00.000Z', workspace_id: 'demo' };
  expect(receiver.requests.map(({ event }) => event)).toEqual([
    { ...common, type: 'client.connected', data: { user_id: 'alice', session_id: 's1' } },
    { ...common, type: 'client.disconnected', data: { user_id: 'alice', session_id: 's1', code: 1001 } },
    { ...common, type: 'doc.updated', data: { heads: ['h1'], ops: 2, user_ids: ['alice', 'bob'] } },
  ]);
  for (const { path, headers, event } of receiver.requests) {
    expect(path).toBe('/hook');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'EtherPly',
      'x-etherply-event': event.type,
      'x-etherply-delivery': event.id,
    });
  }
  expect(new Set(receiver.requests.map(({ event }) => event.id)).size).toBe(3);
  expect(sender.told).toEqual(receiver.requests.map(({ event }) => `delivered ${event.type}`));
});

test('the commits of a workspace become one event with all ops and users, the last heads and the last time', async () => {
  receiver = await Receiver.start();
  let time = 0;
  sender = new Sender(receiver.url, { now: () => time });
  for (time = 1; time <= 1000; time += 1) sender.update('one', 2, `h${time}`, `user-${time % 3}`);
  sender.update('two', 5, 'other');
  expect(sender.webhooks.queued).toBe(2);
  await sender.idle();
  expect(receiver.requests.map(({ event }) => [event.workspace_id, event.time, event.data])).toEqual([
    ['one', '1970-01-01T00:00:01.000Z', { heads: ['h1000'], ops: 2000, user_ids: ['user-1', 'user-2', 'user-0'] }],
    ['two', '1970-01-01T00:00:01.001Z', { heads: ['other'], ops: 5, user_ids: [] }],
  ]);
});

test('an event names no more users than it may', async () => {
  receiver = await Receiver.start();
  sender = new Sender(receiver.url);
  for (let n = 0; n < 3 * MAX_USERS; n += 1) sender.update('demo', 1, 'h', `user-${n}`);
  await sender.idle();
  expect(receiver.requests[0]?.event.data.user_ids).toHaveLength(MAX_USERS);
  expect(receiver.requests[0]?.event.data.ops).toBe(3 * MAX_USERS);
});

test('a retry is the same event under the same id, signed anew', async () => {
  receiver = await Receiver.start((response, request) => {
    status(receiver.requests.length < 3 ? 500 : 204)(response, request);
  });
  let time = 1_000_000;
  sender = new Sender(receiver.url, {
    now: () => {
      time += 1000;
      return time;
    },
  });
  sender.update();
  await sender.idle();
  expect(receiver.requests).toHaveLength(3);
  const distinct = (of: (request: (typeof receiver.requests)[number]) => unknown) =>
    new Set(receiver.requests.map(of)).size;
  expect(distinct(({ text }) => text)).toBe(1);
  expect(distinct(({ headers }) => headers['x-etherply-delivery'])).toBe(1);
  expect(distinct(({ headers }) => headers['x-etherply-timestamp'])).toBe(3);
  expect(distinct(({ headers }) => headers['x-etherply-signature'])).toBe(3);
  expect(sender.told).toEqual([
    'retried doc.updated http_500',
    'retried doc.updated http_500',
    'delivered doc.updated',
  ]);
});

test('what the receiver refuses is given up at once', async () => {
  receiver = await Receiver.start(status(400));
  sender = new Sender(receiver.url);
  sender.connect();
  await sender.idle();
  expect(sender.told).toEqual(['failed client.connected http_400']);
  expect(receiver.requests).toHaveLength(1);
});

test('what fails each time is given up after the last attempt', async () => {
  receiver = await Receiver.start(status(503));
  sender = new Sender(receiver.url, { maxAttempts: 3 });
  sender.connect();
  await sender.idle();
  expect(receiver.requests).toHaveLength(3);
  expect(sender.told.at(-1)).toBe('failed client.connected http_503');
  expect(sender.count('retried')).toBe(2);
});

test('a receiver that is not there is a failure like others', async () => {
  receiver = await Receiver.start();
  const { url } = receiver;
  await receiver.stop();
  sender = new Sender(url, { maxAttempts: 2 });
  sender.connect();
  await sender.idle();
  expect(sender.told).toEqual(['retried client.connected ECONNREFUSED', 'failed client.connected ECONNREFUSED']);
});

test('a redirect is not followed', async () => {
  receiver = await Receiver.start(status(307, { Location: '/elsewhere' }));
  sender = new Sender(receiver.url, { maxAttempts: 2 });
  sender.connect();
  await sender.idle();
  expect(receiver.requests.map(({ path }) => path)).toEqual(['/hook', '/hook']);
  expect(sender.told.at(-1)).toBe('failed client.connected http_307');
});

test('Retry-After is kept to', async () => {
  receiver = await Receiver.start((response, request) => {
    status(receiver.requests.length === 1 ? 429 : 200, { 'Retry-After': '1' })(response, request);
  });
  sender = new Sender(receiver.url, { lastRetryMs: 60_000, random: () => 0 });
  sender.connect();
  await sender.idle();
  const [first, second] = receiver.requests;
  // Node.js may end a timer a millisecond early.
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(990);
});

test('a receiver that asks for more than the longest delay gets that', async () => {
  receiver = await Receiver.start((response, request) => {
    status(receiver.requests.length === 1 ? 503 : 200, { 'Retry-After': '86400' })(response, request);
  });
  sender = new Sender(receiver.url, { lastRetryMs: 5 });
  sender.connect();
  await sender.idle();
  expect(sender.told).toEqual(['retried client.connected http_503', 'delivered client.connected']);
});

test('a receiver that hangs costs neither the callers nor memory: what is above the bound is dropped', async () => {
  receiver = await Receiver.start(hang);
  sender = new Sender(receiver.url, { maxQueued: 50, concurrency: 2, timeoutMs: HOUR });
  for (let n = 0; n < 60; n += 1) sender.connect('demo', `s${n}`);
  expect(sender.webhooks.queued).toBe(50);
  expect(sender.count('dropped client.connected')).toBe(10);
  await until(() => receiver.requests.length === 2);
  sender.update();
  expect(sender.told.at(-1)).toBe('dropped doc.updated');
  // A single wait for the receiver would be an hour.
  for (let n = 0; n < 100_000; n += 1) sender.update();
  expect(sender.webhooks.queued).toBe(50);
  expect(receiver.requests).toHaveLength(2);
});

test('in a full queue the update that a workspace has still takes in commits', async () => {
  receiver = await Receiver.start(hang);
  sender = new Sender(receiver.url, { maxQueued: 2, concurrency: 1, timeoutMs: HOUR });
  sender.connect();
  await until(() => receiver.requests.length === 1);
  for (let n = 0; n < 10; n += 1) sender.update('demo', 1, `h${n}`);
  sender.update('another');
  expect(sender.told).toEqual(['dropped doc.updated']);
  receiver.answer = status(200);
  for (const socket of receiver.sockets) socket.destroy();
  await sender.idle();
  const update = receiver.requests.find(({ event }) => event.type === 'doc.updated');
  expect(update?.event.data).toEqual({ heads: ['h9'], ops: 10, user_ids: [] });
});

test('an attempt that takes too long is ended, and others proceed', async () => {
  receiver = await Receiver.start((response, request) => {
    (request.event.workspace_id === 'hung' ? hang : status(200))(response, request);
  });
  sender = new Sender(receiver.url, { timeoutMs: 2000, maxAttempts: 2, concurrency: 1 });
  sender.connect('hung');
  for (let n = 0; n < 20; n += 1) sender.connect(`fine-${n}`);
  await sender.idle();
  expect(sender.count('delivered')).toBe(20);
  expect(sender.told[0]).toBe('retried client.connected timeout');
  expect(sender.told.at(-1)).toBe('failed client.connected timeout');
});

test('events that wait for a retry take no place from others', async () => {
  receiver = await Receiver.start((response, request) => {
    status(request.event.workspace_id === 'poison' ? 500 : 200)(response, request);
  });
  sender = new Sender(receiver.url, { concurrency: 2, firstRetryMs: HOUR, lastRetryMs: HOUR, random: () => 0.99 });
  for (let n = 0; n < 10; n += 1) sender.connect('poison');
  await until(() => sender.count('retried') === 10);
  for (let n = 0; n < 10; n += 1) sender.connect('fine');
  await until(() => sender.count('delivered') === 10);
  expect(sender.webhooks.queued).toBe(10);
});

test('while an update is on its way its workspace has one other at most, however long it takes', async () => {
  let release: (() => void) | undefined;
  receiver = await Receiver.start((response, request) => {
    const answer = () => status(200)(response, request);
    if (request.event.workspace_id === 'slow' && release === undefined) release = answer;
    else answer();
  });
  sender = new Sender(receiver.url);
  sender.update('slow', 1, 'h0');
  await until(() => release !== undefined);
  for (let n = 1; n <= 5; n += 1) {
    sender.update('slow', 1, `h${n}`);
    // The window of this update opens later, so that of the other is over when it is delivered.
    sender.update('clock');
    await until(() => sender.count('delivered') === n);
    expect(sender.webhooks.queued).toBe(2);
  }
  release?.();
  await sender.idle();
  const slow = receiver.requests.filter(({ event }) => event.workspace_id === 'slow').map(({ event }) => event.data);
  expect(slow).toEqual([
    { heads: ['h0'], ops: 1, user_ids: [] },
    { heads: ['h5'], ops: 5, user_ids: [] },
  ]);
});

test('the socket is used again after an answer with a body', async () => {
  receiver = await Receiver.start();
  sender = new Sender(receiver.url, { concurrency: 1 });
  for (let n = 0; n < 20; n += 1) sender.connect();
  await sender.idle();
  expect(receiver.requests).toHaveLength(20);
  expect(receiver.sockets).toHaveLength(1);
});

test('an answer without an end is read up to a bound', async () => {
  let sent = 0;
  receiver = await Receiver.start((response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(1000))) sent += 1000;
      response.once('drain', more);
    };
    more();
  });
  sender = new Sender(receiver.url, { concurrency: 1, timeoutMs: HOUR });
  sender.connect();
  sender.connect();
  await sender.idle();
  expect(sender.told).toEqual(['delivered client.connected', 'delivered client.connected']);
  await until(() => receiver.open === 0);
  expect(sent).toBeLessThan(50_000_000); // what the operating system buffers
});

test('an answer whose body never comes ends with the attempt, and counts by its status', async () => {
  receiver = await Receiver.start((response) => response.writeHead(200).flushHeaders());
  sender = new Sender(receiver.url, { concurrency: 1, timeoutMs: 2000 });
  sender.connect();
  sender.connect();
  await sender.idle();
  expect(sender.told).toEqual(['delivered client.connected', 'delivered client.connected']);
});

test('close sends at once what still gathers and what waits for a retry', async () => {
  receiver = await Receiver.start(status(500));
  sender = new Sender(receiver.url, { coalesceMs: HOUR, firstRetryMs: HOUR, lastRetryMs: HOUR, random: () => 0.99 });
  sender.connect();
  await until(() => sender.count('retried') === 1);
  receiver.answer = status(200);
  sender.update('one', 1);
  sender.update('two', 2);
  await sender.webhooks.close(HOUR);
  expect(sender.told.slice(1).sort()).toEqual([
    'delivered client.connected',
    'delivered doc.updated',
    'delivered doc.updated',
  ]);
  expect(sender.webhooks.queued).toBe(0);
});

test('close sends what a workspace gathered behind an update that is on its way, and takes nothing more', async () => {
  let release: (() => void) | undefined;
  receiver = await Receiver.start((response, request) => {
    release = () => status(200)(response, request);
  });
  sender = new Sender(receiver.url);
  sender.update('demo', 1);
  await until(() => release !== undefined);
  sender.update('demo', 2);
  const closed = sender.webhooks.close(HOUR);
  sender.update('demo', 4);
  expect(sender.told).toEqual(['dropped doc.updated']);
  receiver.answer = status(200);
  release?.();
  await closed;
  expect(receiver.requests.map(({ event }) => event.data.ops)).toEqual([1, 2]);
});

test('close makes no retry that would come too late, and does not wait for it', async () => {
  receiver = await Receiver.start(status(500));
  sender = new Sender(receiver.url, { firstRetryMs: HOUR, lastRetryMs: HOUR, random: () => 0.99 });
  sender.connect();
  await sender.webhooks.close(HOUR / 2);
  expect(sender.told).toEqual(['failed client.connected http_500']);
});

test('close keeps to its deadline when the receiver hangs, ends what is under way and gives up the rest', async () => {
  receiver = await Receiver.start(hang);
  sender = new Sender(receiver.url, { concurrency: 2, timeoutMs: HOUR });
  for (let n = 0; n < 5; n += 1) sender.connect();
  sender.update();
  await until(() => receiver.requests.length === 2);
  await sender.webhooks.close(50);
  expect(sender.webhooks.queued).toBe(0);
  expect(sender.count('failed client.connected closed')).toBe(5);
  expect(sender.count('failed doc.updated closed')).toBe(1);
  await until(() => receiver.open === 0);
  expect(receiver.requests).toHaveLength(2);
  expect(sender.told).toHaveLength(6);
});

test('close with nothing to do is done; what comes after it is dropped', async () => {
  receiver = await Receiver.start();
  sender = new Sender(receiver.url, { coalesceMs: HOUR });
  await sender.webhooks.close(HOUR);
  await sender.webhooks.close(HOUR);
  sender.connect();
  sender.update();
  expect(sender.told).toEqual(['dropped client.connected', 'dropped doc.updated']);
  expect(sender.webhooks.queued).toBe(0);
});

test('no timer keeps the process alive', async () => {
  // Node.js names only those that do.
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  receiver = await Receiver.start(status(500));
  const before = timers();
  sender = new Sender(receiver.url, { coalesceMs: HOUR, firstRetryMs: HOUR, lastRetryMs: HOUR, random: () => 0.99 });
  sender.update();
  // Those of others may end in the meantime.
  expect(timers()).toBeLessThanOrEqual(before);
  sender.connect();
  await until(() => sender.count('retried') === 1);
  expect(timers()).toBeLessThanOrEqual(before);
});

test('whatever fails in between, each op is reported once, in order, with the last heads at the end', async () => {
  receiver = await Receiver.start();
  // Before the next commit, at most `waitFor` events are held.
  const commit = fc.record({ workspace: fc.nat(2), ops: fc.integer({ min: 1, max: 9 }), waitFor: fc.nat(20) });
  const answers = fc.array(fc.constantFrom(200, 200, 429, 500, 302), { maxLength: 30 });
  const property = fc.asyncProperty(fc.array(commit, { maxLength: 40 }), answers, async (commits, failures) => {
    receiver.requests.length = 0;
    const accepted: (typeof receiver.requests)[number]['event'][] = [];
    receiver.answer = (response, request) => {
      const code = failures.pop() ?? 200;
      if (code === 200) accepted.push(request.event);
      status(code)(response, request);
    };
    sender = new Sender(receiver.url, { maxAttempts: 100, coalesceMs: 0 });
    for (const [n, { workspace, ops, waitFor }] of commits.entries()) {
      sender.update(`w${workspace}`, ops, String(n));
      expect(sender.webhooks.queued).toBeLessThanOrEqual(2 * 3);
      await until(() => sender.webhooks.queued <= waitFor);
    }
    await sender.idle();
    expect(sender.count('failed') + sender.count('dropped')).toBe(0);
    for (const workspace of [0, 1, 2]) {
      const sent = [...commits.entries()].filter(([, one]) => one.workspace === workspace);
      const got = accepted.filter(({ workspace_id }) => workspace_id === `w${workspace}`).map(({ data }) => data);
      const heads = got.map((data) => Number(data.heads?.[0]));
      expect(got.reduce((sum, { ops = 0 }) => sum + ops, 0)).toBe(sent.reduce((sum, [, { ops }]) => sum + ops, 0));
      expect(heads).toEqual([...heads].sort((a, b) => a - b));
      expect(heads.at(-1)).toBe(sent.at(-1)?.[0]);
    }
  });
  await fc.assert(property, { numRuns: 50 });
});
