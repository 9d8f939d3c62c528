import { change, from, getAllChanges, getHeads, getObjectId, init, load, save, splice } from '@automerge/automerge';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { freePort, Pod, until } from '../pod.ts';
import { bringing, cbor, newId, oddChange, RawClient } from './raw-client.ts';

interface Nested {
  in?: Nested;
}

const ONE = '11'.repeat(16);
const BASE = from({ text: 'abc', list: [1, 2] }, { actor: ONE });
const LIST = getObjectId(BASE, 'list') ?? '';
const SET = { action: 'set', obj: '_root', key: 'x', value: 1, datatype: 'int', pred: [] };
const INSERT = { action: 'set', obj: getObjectId(BASE, 'text') ?? '', insert: true, value: 'x', pred: [] };

let pod: Pod;
beforeEach(async () => {
  pod = await Pod.start({ env: { ETHERPLY_REPO_SYNC: 'true', PORT: await freePort() } });
});
afterEach(() => pod.stop());

describe('what no stock client sends', () => {
  test.each([
    ['no CBOR', Uint8Array.from([0xff, 0x00])],
    ['no message', cbor.encode({ type: 'sync' })],
    ['an unknown type', cbor.encode({ type: 'everything' })],
    ['a long name', cbor.encode({ type: 'join', senderId: 'x'.repeat(10_000) })],
    ['a message before it has joined', cbor.encode({ type: 'leave', senderId: 'raw' })],
    ['text', 'text'],
  ])('%s closes the connection', async (_, frame) => {
    const client = await RawClient.connect(pod);
    client.sendFrame(frame);
    expect(await client.closed()).toBe(4400);
  });

  test('a version that is not spoken is answered with an error', async () => {
    const client = await RawClient.connect(pod);
    client.send({ type: 'join', senderId: 'raw', supportedProtocolVersions: ['7'] });
    expect(await client.hears('error')).toMatchObject({ message: expect.stringContaining('version 1') });
    expect(await client.closed()).toBe(1000);
  });

  test('a second connection of a client replaces the first, one of another user does not', async () => {
    const first = await RawClient.joined(pod, 'same');
    const stranger = await RawClient.connect(pod, { sub: 'eve' });
    stranger.send({ type: 'join', senderId: 'same', supportedProtocolVersions: ['1'] });
    await stranger.hears('peer');
    expect(first.closeCode).toBeUndefined();
    const second = await RawClient.joined(pod, 'same');
    expect(await first.closed()).toBe(1000);
    expect(stranger.closeCode).toBeUndefined();
    second.close();
    stranger.close();
  });

  test('a token that ends ends the connection', async () => {
    const client = await RawClient.connect(pod, { exp: Math.floor(Date.now() / 1000) + 10 });
    expect(await client.closed()).toBe(4401);
  });

  test('a token is needed', async () => {
    const socket = new WebSocket(pod.url('/v1/repo').replace('http', 'ws'));
    const status = await new Promise((resolve) => {
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode));
    });
    expect(status).toBe(401);
  });

  test.each([
    ['a message that is none', () => Uint8Array.from([1, 2, 3])],
    ['a change that is none', () => bringing([Uint8Array.from([0x85, 0x6f, 0x4a, 0x83, 1, 2, 3, 4, 1, 2, 0, 0])], [])],
    [
      'a change with a number that cannot be read',
      () => bringing(getAllChanges(from({ number: 2 ** 60 })), getHeads(from({ number: 2 ** 60 }))),
    ],
    [
      'an op that replaces one of another key',
      () => bringing([...getAllChanges(BASE), oddChange({ deps: getHeads(BASE) }, { ...SET, pred: [`1@${ONE}`] })], []),
    ],
    ['a key that is none', () => bringing(getAllChanges(from({ '': 1 })), [])],
    ['a key that is too long', () => bringing(getAllChanges(from({ ['k'.repeat(257)]: 1 })), [])],
    [
      'a change that says that the pod made it',
      async () => {
        await (await pod.connect('with-actor')).set('a', 1);
        const state = await pod.request('GET', '/v1/history/with-actor');
        const [{ actor }] = z.tuple([z.looseObject({ actor: z.string() })]).parse(state.body);
        const forged = change(init<Record<string, unknown>>({ actor }), (doc) => {
          doc.forged = true;
        });
        return bringing(getAllChanges(forged), getHeads(forged));
      },
    ],
  ])('%s closes the connection, and nothing else', async (_, message) => {
    const [victim, other] = [newId(), newId()];
    const client = await RawClient.joined(pod);
    client.sync(victim, await message());
    expect(await client.closed()).toBe(4400);
    const good = await RawClient.joined(pod);
    const doc = from({ text: 'fine' });
    for (const document of [victim, other]) {
      good.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
      await until(async () => (await pod.read(document)).data.text === 'fine');
    }
    good.close();
  });

  test('values that are nested too deep, in one change or over many, close the connection, and the pod goes on', async () => {
    const document = newId();
    let doc = init<{ deep: Nested }>();
    for (let n = 0; n < 30; n += 1) {
      doc = change(doc, (draft) => {
        if (n === 0) draft.deep = {};
        let at = draft.deep;
        while (at.in !== undefined) at = at.in;
        for (let level = 0; level < 10; level += 1) {
          at.in = {};
          at = at.in;
        }
      });
    }
    const client = await RawClient.joined(pod);
    for (const one of getAllChanges(doc)) client.sync(document, bringing([one], []));
    expect(await client.closed()).toBe(4400);
    const all = await RawClient.joined(pod);
    all.sync(newId(), bringing(getAllChanges(doc), getHeads(doc)));
    expect(await all.closed()).toBe(4400);
    expect((await fetch(pod.url('/healthz'))).status).toBe(200);
    expect((await pod.read(document)).data).toHaveProperty('deep');
  });

  test('two changes of one actor under one number close the connection of the second', async () => {
    const [document, actor] = [newId(), '33'.repeat(16)];
    const [first, second] = ['first', 'second'].map((text) => from({ text }, { actor }));
    if (first === undefined || second === undefined) throw new Error('there are two');
    const client = await RawClient.joined(pod);
    client.sync(document, bringing(getAllChanges(first), getHeads(first)));
    await until(async () => (await pod.read(document)).data.text === 'first');
    client.sync(document, bringing(getAllChanges(second), getHeads(second)));
    expect(await client.closed()).toBe(4400);
    expect((await pod.read(document)).data).toEqual({ text: 'first' });
  });

  test('nobody is silenced by who speaks in their name', async () => {
    const [shared, own] = [newId(), newId()];
    const doc = from({ text: 'x' });
    const [alice, bob, eve] = [
      await RawClient.joined(pod, 'alice'),
      await RawClient.joined(pod, 'bob'),
      await RawClient.joined(pod, 'eve', 'eve'),
    ];
    for (const one of [alice, bob, eve]) {
      for (const document of [shared, own]) {
        one.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
        await until(async () => one.heard.some(({ type, documentId }) => type === 'sync' && documentId === document));
      }
    }
    const say = (from: RawClient, documentId: string, count: number) => {
      const data = Uint8Array.from([count]);
      from.send({ type: 'ephemeral', senderId: 'alice', targetId: 'pod', documentId, sessionId: 's', count, data });
    };
    say(eve, own, 1000);
    say(eve, shared, 1000);
    say(alice, shared, 1);
    await until(async () =>
      bob.heard.some((one) => one.type === 'ephemeral' && one.documentId === shared && one.count === 1),
    );
    for (const one of [alice, bob, eve]) one.close();
  });

  test('changes whose dependencies never come have no effect, and those after them do', async () => {
    const document = newId();
    let doc = from<Record<string, unknown>>({ text: 'one' }, { actor: '11'.repeat(16) });
    const other = change(load<Record<string, unknown>>(save(doc), { actor: '22'.repeat(16) }), (draft) => {
      draft.lost = true;
    });
    const [, lost] = getAllChanges(other);
    doc = change(other, (draft) => splice(draft, ['text'], 3, 0, ' two'));
    const client = await RawClient.joined(pod);
    const changes = getAllChanges(doc).filter((one) => one !== lost);
    client.sync(document, bringing(changes.slice(0, 1), ['ab'.repeat(32)]));
    await until(async () => (await pod.read(document)).data.text === 'one');
    client.sync(document, bringing(changes.slice(2), getHeads(doc)));
    client.sync(document, bringing(lost === undefined ? [] : [lost], getHeads(doc)));
    await until(async () => (await pod.read(document)).data.text === 'one two');
    expect((await pod.read(document)).data).toEqual({ text: 'one two', lost: true });
    client.close();
  });

  test('a workspace that is no Automerge document is not there', async () => {
    await pod.configure('registers', { strategy: 'lww' });
    const client = await RawClient.joined(pod);
    client.sync('registers', bringing([], []), 'request');
    expect(await client.hears('doc-unavailable')).toMatchObject({ documentId: 'registers' });
    client.close();
  });

  test.each([
    ['replaces what is not there', {}, { ...SET, pred: [`99@${'33'.repeat(16)}`] }],
    ['is in an object that is not there', {}, { ...SET, obj: `99@${ONE}` }],
    ['stands after an element that is not there', {}, { ...INSERT, elemId: `99@${ONE}` }],
    ['has a key of a list', {}, { ...SET, obj: LIST }],
    ['has an element of a map', {}, { ...INSERT, obj: '_root', elemId: '_head' }],
    ['leaves out numbers of its actor', { seq: 5 }, SET],
    ['numbers its ops as another one of its actor', { actor: ONE, seq: 2, startOp: 2, deps: getHeads(BASE) }, SET],
  ])('a change that %s closes the connection, and has no effect', async (_, header, op) => {
    const document = newId();
    const good = await RawClient.joined(pod, 'good');
    good.sync(document, bringing(getAllChanges(BASE), getHeads(BASE)));
    await until(async () => (await pod.read(document)).data.text === 'abc');
    const client = await RawClient.joined(pod);
    client.sync(document, bringing([oddChange({ deps: getHeads(BASE), ...header }, op)], getHeads(BASE)));
    expect(await client.closed()).toBe(4400);
    expect((await pod.read(document)).data).toEqual({ text: 'abc', list: [1, 2] });
    expect(await pod.metric('etherply_quarantined_workspaces')).toBe(0);
    good.close();
  });

  test('a change of more ops than anybody makes at once closes the connection', async () => {
    const doc = from({ text: 'a'.repeat((1 << 20) + 1) });
    // Before it joins: this takes seconds, in which it would answer no ping.
    const message = bringing(getAllChanges(doc), getHeads(doc));
    const client = await RawClient.joined(pod);
    client.sync(newId(), message);
    expect(await client.closed()).toBe(4400);
    expect((await fetch(pod.url('/healthz'))).status).toBe(200);
  });

  test('heads that are lies are asked for, and have no effect', async () => {
    const document = newId();
    const [liar, good] = [await RawClient.joined(pod, 'liar'), await RawClient.joined(pod, 'good')];
    liar.sync(document, bringing(getAllChanges(BASE), ['ab'.repeat(32), 'cd'.repeat(32)]));
    await until(async () => (await pod.read(document)).data.text === 'abc');
    const edited = change(BASE, (doc) => splice(doc, ['text'], 3, 0, 'd'));
    good.sync(document, bringing(getAllChanges(edited), getHeads(edited)));
    await until(async () => (await pod.read(document)).data.text === 'abcd');
    expect((await pod.read(document)).heads).toEqual(getHeads(edited));
    liar.sync(document, bringing([], ['ef'.repeat(32)]));
    await liar.hears('sync');
    for (const one of [liar, good]) one.close();
  });
});
