import { join } from 'node:path';
import type { WorkspaceId } from '@etherply/protocol';
import { afterEach, expect, test } from '@jest/globals';
import { Pod, type TestClient, until } from './pod.ts';
import { StoredDocument } from './stored-document.ts';

/** `make test-long` asks for more. */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 8);
const WORKSPACES = ['crash-a', 'crash-b'] as WorkspaceId[];
const WRITERS_EACH = 2;
const WINDOW = 16;

let pod: Pod;
afterEach(() => pod.stop());

/** Writes one new key after the other, each under an id of its own; what was not acked it sends again. */
class Writer {
  readonly workspace: WorkspaceId;
  readonly name: string;
  readonly acked = new Set<string>();
  readonly #open = new Set<string>();
  #next = 0;

  constructor(workspace: WorkspaceId, name: string) {
    this.workspace = workspace;
    this.name = name;
  }

  /** Until the connection ends; where `last`, one more key and until all that was sent is acked. */
  async write(client: TestClient, { last }: { last: boolean }): Promise<void> {
    if (last) this.#open.add(`${this.name}-last`);
    for (const id of this.#open) this.#send(client, id);
    while (client.closeCode === undefined && !(last && this.#open.size === 0)) {
      for (; !last && this.#open.size < WINDOW; this.#next += 1) {
        const id = `${this.name}-${this.#next}`;
        this.#open.add(id);
        this.#send(client, id);
      }
      const ack = await client.take('ack').catch(() => undefined);
      for (const id of ack?.ids ?? []) {
        this.#open.delete(id);
        this.acked.add(id);
      }
    }
  }

  #send(client: TestClient, id: string): void {
    client.send({ type: 'op', id, payload: { key: id, value: `value of ${id}` } });
  }
}

test.each([
  ['with one log file', 20, false, { ETHERPLY_COMPACT_FROM_BYTES: '1000000000' }],
  [
    'while logs rotate and workspaces are compacted',
    60,
    true,
    { ETHERPLY_COMPACT_FROM_BYTES: '8192', ETHERPLY_WRITE_BUFFER_BYTES: '65536' },
  ],
])(
  'kill -9 under load loses no acked op, applies none twice, and leaves a readable log: %s',
  async (_, connections, isCompacted, env) => {
    pod = await Pod.start({ env });
    const writers = WORKSPACES.flatMap((workspace, w) =>
      Array.from({ length: WRITERS_EACH }, (__, n) => new Writer(workspace, `w${w}${n}`)),
    );
    const connect = () => Promise.all(writers.map(({ workspace }) => pod.connect(workspace)));
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = await connect();
      for (const [i, client] of clients.entries()) {
        const { data } = await client.take('init');
        for (const id of writers[i]?.acked ?? []) expect(data).toHaveProperty([id], `value of ${id}`);
      }
      const writing = writers.map((writer, i) => writer.write(clients[i] as TestClient, { last: false }));
      if (isCompacted && round === ROUNDS - 1) {
        await until(async () => (await pod.metric('etherply_compactions_total')) >= WORKSPACES.length);
      }
      // A random number of other connections is a random moment, without a clock.
      const moment = Math.floor(Math.random() * connections);
      for (let seen = 0; seen < moment; seen += 1) await pod.connect(`other-${seen}`).then((one) => one.close());
      await pod.end('SIGKILL');
      await Promise.all(writing);
      await pod.restart();
    }
    const clients = await connect();
    await Promise.all(writers.map((writer, i) => writer.write(clients[i] as TestClient, { last: true })));
    await pod.end('SIGKILL');
    for (const workspace of WORKSPACES) {
      const stored = await StoredDocument.read(join(pod.dataDir, 'shard-0'), workspace);
      const ids = writers.filter((writer) => writer.workspace === workspace).flatMap(({ acked }) => [...acked]);
      expect(ids.length).toBeGreaterThan(ROUNDS);
      expect(stored.state()).toEqual(Object.fromEntries(ids.map((id) => [id, `value of ${id}`])));
      expect(stored.writes()).toEqual(new Map(ids.map((id) => [id, 1])));
      expect(stored.isCompacted).toBe(isCompacted);
    }
  },
  600_000,
);

test('SIGTERM commits everything, closes with 1012 and exits with 0', async () => {
  pod = await Pod.start();
  const client = await pod.connect('drain');
  client.send({ type: 'op', id: 'last', payload: { key: 'last', value: 1 } });
  await client.take('ack');
  const code = pod.end('SIGTERM');
  expect(await client.closed()).toBe(1012);
  expect(await code).toBe(0);
  await pod.restart();
  expect(await (await pod.connect('drain')).take('init')).toMatchObject({ data: { last: 1 } });
});
