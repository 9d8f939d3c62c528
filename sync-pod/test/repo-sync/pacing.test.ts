import * as Automerge from '@automerge/automerge';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort, Pod, until } from '../pod.ts';
import { bringing, newId, RawClient } from './raw-client.ts';
import { StockClient } from './stock-client.ts';

type Content = Record<string, unknown>;

let pod: Pod;
const clients: { end(): Promise<void> }[] = [];
beforeEach(async () => {
  pod = await Pod.start({ env: { ETHERPLY_REPO_SYNC: 'true', PORT: await freePort() } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await pod.stop();
});

/** A client in sync, which sends its changes when it is told to. */
class Editor {
  readonly #raw: RawClient;
  readonly #id: string;
  #doc = Automerge.init<Content>();
  #state = Automerge.initSyncState();
  #read = 0;

  private constructor(raw: RawClient, id: string) {
    this.#raw = raw;
    this.#id = id;
  }

  /** Resolves when it has what the pod has. */
  static async open(id: string, sub: string): Promise<Editor> {
    const editor = new Editor(await RawClient.joined(pod, `editor of ${sub}`, sub), id);
    editor.#say('request');
    const { heads } = await pod.read(id);
    await until(async () => {
      editor.#listen();
      return Automerge.hasHeads(editor.#doc, heads);
    });
    // Once it is told of a change that it sent, the pod knows that it is in sync.
    editor.set(`from ${sub}`, heads.join());
    const before = editor.#read;
    await until(async () => {
      editor.#listen();
      return editor.#read > before;
    });
    return editor;
  }

  /** Sends one change, whether the last one was answered or not. */
  set(key: string, value: unknown): void {
    this.#doc = Automerge.change(this.#doc, (content) => {
      content[key] = value;
    });
    const change = Automerge.getLastLocalChange(this.#doc) ?? new Uint8Array();
    this.#raw.sync(this.#id, bringing([change], Automerge.getHeads(this.#doc)));
  }

  close(): void {
    this.#raw.close();
  }

  #listen(): void {
    for (; this.#read < this.#raw.heard.length; this.#read += 1) {
      const message = this.#raw.heard[this.#read];
      if (message?.type !== 'sync' || !(message.data instanceof Uint8Array)) continue;
      [this.#doc, this.#state] = Automerge.receiveSyncMessage(this.#doc, this.#state, message.data);
      this.#say('sync');
    }
  }

  #say(type: string): void {
    const [state, message] = Automerge.generateSyncMessage(this.#doc, this.#state);
    this.#state = state;
    if (message !== null) this.#raw.sync(this.#id, message, type);
  }
}

/** A document with one key. */
async function begin(): Promise<string> {
  const id = newId();
  const json = await pod.connect(id);
  await json.set('begins', true);
  json.close();
  return id;
}

describe('clients in sync, whose changes are taken in together', () => {
  test('lose nothing that they sent before they went', async () => {
    const id = await begin();
    const busy = await Editor.open(id, 'bob');
    for (let n = 0; n < 5; n += 1) {
      const editor = await Editor.open(id, 'alice');
      // What another one has just sent makes it wait.
      busy.set('busy', n);
      await until(async () => (await pod.read(id)).data.busy === n);
      editor.set(`key-${n}`, n);
      editor.close();
    }
    await until(async () => {
      const { data } = await pod.read(id);
      return [0, 1, 2, 3, 4].every((n) => data[`key-${n}`] === n);
    });
    busy.close();
  });

  test('are told apart to JSON clients', async () => {
    const id = await begin();
    const editors = [await Editor.open(id, 'alice'), await Editor.open(id, 'bob')];
    const json = await pod.connect(id);
    await json.take('init');
    for (let n = 0; n < 10; n += 1) for (const [i, editor] of editors.entries()) editor.set(`${n} of ${i}`, n);
    const told = new Map<string, string>();
    while (told.size < 20) {
      const { payload, user_id } = await json.take('op');
      told.set(payload.key, user_id);
    }
    for (const [key, user] of told) expect(`${key}: ${user}`).toBe(`${key}: ${key.endsWith('0') ? 'alice' : 'bob'}`);
    for (const editor of editors) editor.close();
  });

  test('hear of all that others write, however many', async () => {
    const id = await begin();
    const client = await StockClient.connect(pod);
    clients.push(client);
    const handle = await client.repo.find<Content>(`automerge:${id}` as Parameters<typeof client.repo.find>[0]);
    const json = await pod.connect(id);
    for (let n = 0; n < 200; n += 1) await json.set(`key-${n}`, n);
    await until(async () => Object.keys(handle.doc()).length === 201);
  });
});
