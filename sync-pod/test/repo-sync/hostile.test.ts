import {
  change,
  encodeSyncMessage,
  from,
  getAllChanges,
  getHeads,
  init,
  load,
  save,
  splice,
} from '@automerge/automerge';
import { type DocumentId, parseAutomergeUrl, Repo } from '@automerge/automerge-repo';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Encoder } from 'cbor-x';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { freePort, Pod, token, until } from '../pod.ts';

const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const answer = z.looseObject({ type: z.string() });

interface Nested {
  in?: Nested;
}

let pod: Pod;
beforeEach(async () => {
  pod = await Pod.start({ env: { ETHERPLY_REPO_SYNC: 'true', PORT: await freePort() } });
});
afterEach(() => pod.stop());

/** A client that sends what it likes. */
class RawClient {
  readonly #socket: WebSocket;
  readonly heard: z.infer<typeof answer>[] = [];
  closeCode: number | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.heard.push(answer.parse(cbor.decode(data))));
    socket.on('close', (code) => {
      this.closeCode = code;
    });
  }

  static async connect(claims: Record<string, unknown> = {}): Promise<RawClient> {
    const url = `${pod.url('/v1/repo').replace('http', 'ws')}?token=${await token(claims)}`;
    const socket = new WebSocket(url);
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return client;
  }

  static async joined(senderId = 'raw', sub = 'alice'): Promise<RawClient> {
    const client = await RawClient.connect({ sub });
    client.send({ type: 'join', senderId, peerMetadata: {}, supportedProtocolVersions: ['1'] });
    await client.hears('peer');
    return client;
  }

  send(message: unknown): void {
    this.sendFrame(cbor.encode(message));
  }

  sendFrame(frame: Uint8Array | string): void {
    this.#socket.send(frame);
  }

  sync(documentId: string, data: Uint8Array, type = 'sync'): void {
    this.send({ type, senderId: 'raw', targetId: 'pod', documentId, data });
  }

  async hears(type: string): Promise<z.infer<typeof answer>> {
    await until(async () => this.heard.some((one) => one.type === type) || this.closeCode !== undefined);
    const found = this.heard.find((one) => one.type === type);
    if (found === undefined) throw new Error(`closed with ${this.closeCode}`);
    return found;
  }

  async closed(): Promise<number> {
    await until(async () => this.closeCode !== undefined);
    return this.closeCode ?? 0;
  }

  close(): void {
    this.#socket.close();
  }
}

function bringing(changes: Uint8Array[], heads: string[]): Uint8Array {
  return encodeSyncMessage({ heads, need: [], have: [], changes });
}

const id = (): DocumentId => parseAutomergeUrl(new Repo().create().url).documentId;

describe('what no stock client sends', () => {
  test.each([
    ['no CBOR', Uint8Array.from([0xff, 0x00])],
    ['no message', cbor.encode({ type: 'sync' })],
    ['an unknown type', cbor.encode({ type: 'everything' })],
    ['a long name', cbor.encode({ type: 'join', senderId: 'x'.repeat(10_000) })],
    ['a message before it has joined', cbor.encode({ type: 'leave', senderId: 'raw' })],
    ['text', 'text'],
  ])('%s closes the connection', async (_, frame) => {
    const client = await RawClient.connect();
    client.sendFrame(frame);
    expect(await client.closed()).toBe(4400);
  });

  test('a version that is not spoken is answered with an error', async () => {
    const client = await RawClient.connect();
    client.send({ type: 'join', senderId: 'raw', supportedProtocolVersions: ['7'] });
    expect(await client.hears('error')).toMatchObject({ message: expect.stringContaining('version 1') });
    expect(await client.closed()).toBe(1000);
  });

  test('a second connection of a client replaces the first, one of another user does not', async () => {
    const first = await RawClient.joined('same');
    const stranger = await RawClient.connect({ sub: 'eve' });
    stranger.send({ type: 'join', senderId: 'same', supportedProtocolVersions: ['1'] });
    await stranger.hears('peer');
    expect(first.closeCode).toBeUndefined();
    const second = await RawClient.joined('same');
    expect(await first.closed()).toBe(1000);
    expect(stranger.closeCode).toBeUndefined();
    second.close();
    stranger.close();
  });

  test('a token that ends ends the connection', async () => {
    const client = await RawClient.connect({ exp: Math.floor(Date.now() / 1000) + 1 });
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
    const [victim, other] = [id(), id()];
    const client = await RawClient.joined();
    client.sync(victim, await message());
    expect(await client.closed()).toBe(4400);
    const good = await RawClient.joined();
    const doc = from({ text: 'fine' });
    for (const document of [victim, other]) {
      good.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
      await until(async () => (await pod.read(document)).data.text === 'fine');
    }
    good.close();
  });

  test('values that are nested too deep, in one change or over many, close the connection, and the pod goes on', async () => {
    const document = id();
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
    const client = await RawClient.joined();
    for (const one of getAllChanges(doc)) client.sync(document, bringing([one], []));
    expect(await client.closed()).toBe(4400);
    const all = await RawClient.joined();
    all.sync(id(), bringing(getAllChanges(doc), getHeads(doc)));
    expect(await all.closed()).toBe(4400);
    expect((await fetch(pod.url('/healthz'))).status).toBe(200);
    expect((await pod.read(document)).data).toHaveProperty('deep');
  });

  test('two changes of one actor under one number close the connection of the second', async () => {
    const [document, actor] = [id(), '33'.repeat(16)];
    const [first, second] = ['first', 'second'].map((text) => from({ text }, { actor }));
    if (first === undefined || second === undefined) throw new Error('there are two');
    const client = await RawClient.joined();
    client.sync(document, bringing(getAllChanges(first), getHeads(first)));
    await until(async () => (await pod.read(document)).data.text === 'first');
    client.sync(document, bringing(getAllChanges(second), getHeads(second)));
    expect(await client.closed()).toBe(4400);
    expect((await pod.read(document)).data).toEqual({ text: 'first' });
  });

  test('nobody is silenced by who speaks in their name', async () => {
    const [shared, own] = [id(), id()];
    const doc = from({ text: 'x' });
    const [alice, bob, eve] = [
      await RawClient.joined('alice'),
      await RawClient.joined('bob'),
      await RawClient.joined('eve', 'eve'),
    ];
    for (const one of [alice, bob, eve]) {
      for (const document of [shared, own]) one.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
      await one.hears('sync');
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
    const document = id();
    let doc = from<Record<string, unknown>>({ text: 'one' }, { actor: '11'.repeat(16) });
    const other = change(load<Record<string, unknown>>(save(doc), { actor: '22'.repeat(16) }), (draft) => {
      draft.lost = true;
    });
    const [, lost] = getAllChanges(other);
    doc = change(other, (draft) => splice(draft, ['text'], 3, 0, ' two'));
    const client = await RawClient.joined();
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
    const client = await RawClient.joined();
    client.sync('registers', bringing([], []), 'request');
    expect(await client.hears('doc-unavailable')).toMatchObject({ documentId: 'registers' });
    client.close();
  });
});
