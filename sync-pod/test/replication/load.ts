import { expect } from '@jest/globals';
import { type TestClient, until } from '../pod.ts';

/** Where nothing is acked for this time, nothing will be. An outage that a test makes is shorter. */
const STUCK_MS = 90_000;

/** So many ops of a writer are on their way at once. */
const WINDOW = 8;

/** A pod, as far as a writer needs it. */
export interface Entry {
  connect(workspace: string): Promise<TestClient>;
}

/** Writes one new key after the other, each under an id of its own, to one pod after the other; what was not acked it sends again. */
class Writer {
  readonly workspace: string;
  readonly acked = new Set<string>();
  readonly #name: string;
  readonly #pods: readonly Entry[];
  readonly #open = new Set<string>();
  #next = 0;
  #isEnding = false;
  #at: number;
  #step: 'connects' | 'waits' = 'connects';

  constructor(workspace: string, name: string, pods: readonly Entry[], at: number) {
    this.workspace = workspace;
    this.#name = name;
    this.#pods = pods;
    this.#at = at;
  }

  /** Until `end` has been called and everything that was sent is acked. */
  async run(): Promise<void> {
    while (!this.#isDone) {
      const client = await this.#connect();
      if (client === undefined) continue;
      await this.#write(client);
      client.close();
    }
  }

  end(): void {
    this.#isEnding = true;
  }

  /** Where it stands, for who wonders why nothing goes on. */
  get where(): string {
    const pod = this.#at % this.#pods.length;
    const open = this.#open.size === 0 ? 'nothing' : [...this.#open].join(', ');
    return `${this.workspace}: ${this.#step} on pod ${pod} with ${open} open and ${this.acked.size} acked`;
  }

  get #isDone(): boolean {
    return this.#isEnding && this.#open.size === 0;
  }

  /** To the next pod that takes it. */
  async #connect(): Promise<TestClient | undefined> {
    let client: TestClient | undefined;
    this.#step = 'connects';
    await until(async () => {
      this.#at += 1;
      client = await this.#pods[this.#at % this.#pods.length]?.connect(this.workspace).catch(() => undefined);
      return client !== undefined || this.#isDone;
    });
    return client;
  }

  async #write(client: TestClient): Promise<void> {
    this.#step = 'waits';
    for (const id of this.#open) this.#send(client, id);
    while (client.closeCode === undefined && !this.#isDone) {
      for (; !this.#isEnding && this.#open.size < WINDOW; this.#next += 1) {
        const id = `${this.#name}-${this.#next}`;
        this.#open.add(id);
        this.#send(client, id);
      }
      const frame = await client.take('ack', 'error').catch(() => undefined);
      if (frame?.type === 'error') return; // it is sent again to another pod
      for (const id of frame?.ids ?? []) {
        this.#open.delete(id);
        this.acked.add(id);
      }
    }
  }

  #send(client: TestClient, id: string): void {
    client.send({ type: 'op', id, payload: { key: id, value: `value of ${id}` } });
  }
}

/** Clients that write to some workspaces through all pods, as long as it goes on. */
export class Load {
  readonly #writers: readonly Writer[];
  readonly #running: Promise<void>;

  /**
   * @param each writers in each workspace
   * @param name what the keys begin with
   */
  constructor(pods: readonly Entry[], workspaces: readonly string[], each: number, name = 'key') {
    this.#writers = workspaces.flatMap((workspace, first) =>
      Array.from({ length: each }, (_, n) => new Writer(workspace, `${name}-${n}`, pods, first + n)),
    );
    this.#running = Promise.all(this.#writers.map((writer) => writer.run())).then(() => undefined);
  }

  get acked(): number {
    return this.#writers.reduce((sum, { acked }) => sum + acked.size, 0);
  }

  /** Resolves when so many more ops have been acked; rejects where nothing goes on any more. */
  progressed(by: number): Promise<void> {
    const goal = this.acked + by;
    return this.#until(() => this.acked >= goal);
  }

  /** Resolves when everything that was sent is acked; rejects where nothing goes on any more. */
  async end(): Promise<void> {
    for (const writer of this.#writers) writer.end();
    let isDone = false;
    const done = this.#running.then(() => {
      isDone = true;
    });
    await this.#until(() => isDone);
    await done;
  }

  async #until(condition: () => boolean): Promise<void> {
    let seen = this.acked;
    let deadline = Date.now() + STUCK_MS;
    await until(async () => {
      if (condition()) return true;
      if (this.acked !== seen) deadline = Date.now() + STUCK_MS;
      seen = this.acked;
      if (Date.now() > deadline)
        throw new Error(`nothing goes on:\n${this.#writers.map((one) => one.where).join('\n')}`);
      return false;
    });
  }

  /** What a workspace holds by what was acked. */
  of(workspace: string): Record<string, string> {
    const acked = this.#writers.filter((writer) => writer.workspace === workspace).flatMap((one) => [...one.acked]);
    return Object.fromEntries(acked.map((id) => [id, `value of ${id}`]));
  }

  /** Every op that was acked is there, with its value, and nothing that was not sent. */
  expectAll(workspace: string, data: Record<string, unknown>): void {
    expect(Object.keys(data).length).toBeGreaterThan(0);
    expect(data).toEqual(this.of(workspace));
  }
}
