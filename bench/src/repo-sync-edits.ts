import type { DocHandle } from '@automerge/automerge-repo';
import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { Schedule } from './generator/schedule.ts';
import { RepoClient } from './repo-sync-client.ts';
import type { Begin, ClientPlan, Edited } from './repo-sync-messages.ts';

/** Keys of each client, set in turn: what is not seen before its key is set again is never seen. */
const KEYS = 256;
const TICK_MS = 2;
/** What is on its way in the end has come when nothing comes for so long; it is not waited for longer than the other. */
const QUIET_MS = 2000;
export const DRAIN_MS = 10_000;

type Document = DocHandle<Record<string, unknown>>;

interface Writer {
  readonly client: RepoClient;
  readonly document: Document;
  /** What its keys begin with. */
  readonly prefix: string;
  /** When it made the changes that it has not sent. */
  unsent: number[];
  count: number;
}

/** Clients that edit documents together, each through a connection of its own. */
export class RepoSyncEdits {
  readonly #plan: Extract<ClientPlan, { task: 'edit' }>;
  readonly #writers: Writer[] = [];
  readonly #latency = build({ highestTrackableValue: 60_000_000 });
  readonly #held = build({ highestTrackableValue: 60_000_000 });
  readonly #late = build({ highestTrackableValue: 60_000_000 });
  #span: Begin = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  #sent = 0;
  #seen = 0;
  #lastSeenAt = 0;

  constructor(plan: Extract<ClientPlan, { task: 'edit' }>) {
    this.#plan = plan;
  }

  async connect(): Promise<void> {
    const { server, documents, clientsEach } = this.#plan;
    for (let n = 0; n < clientsEach; n += 1) {
      for (const url of documents) {
        const client = await RepoClient.connect(server);
        const document = await client.find(url);
        const writer: Writer = {
          client,
          document,
          prefix: `${process.pid}.${this.#writers.length}-`,
          unsent: [],
          count: 0,
        };
        client.onChangesSent(() => this.#changesSent(writer));
        document.on('change', ({ patches }) => {
          for (const patch of patches) {
            if (patch.action !== 'put' || typeof patch.value !== 'number') continue;
            if (!`${patch.path[0]}`.startsWith(writer.prefix)) this.#saw(patch.value);
          }
        });
        this.#writers.push(writer);
      }
    }
  }

  async run(span: Begin): Promise<Edited> {
    this.#span = span;
    const start = now();
    const schedule = new Schedule(this.#plan.changesPerSecond);
    const timer = setInterval(() => {
      for (const { n, due } of schedule.dueBy(now() - start)) {
        this.#record(this.#late, start + due);
        this.#change(n);
      }
    }, TICK_MS);
    await sleep((span.from - now()) / 1000);
    const before = process.cpuUsage();
    const messagesBefore = this.#messages();
    await sleep((span.to - now()) / 1000);
    const cpu = process.cpuUsage(before);
    const messages = this.#messages() - messagesBefore;
    clearInterval(timer);
    await this.#drain();
    return {
      type: 'edited',
      sent: this.#sent,
      seen: this.#seen,
      messages,
      losses: this.#writers.reduce((sum, { client }) => sum + client.losses, 0),
      latency: encodeIntoCompressedBase64(this.#latency),
      held: encodeIntoCompressedBase64(this.#held),
      late: encodeIntoCompressedBase64(this.#late),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      heads: this.#writers.map(({ document }) => `${document.url}: ${document.heads().toSorted().join()}`),
    };
  }

  #messages(): number {
    return this.#writers.reduce((sum, { client }) => sum + client.messages, 0);
  }

  #change(n: number): void {
    const writer = this.#writers[n % this.#writers.length];
    if (writer === undefined) return;
    const at = now();
    if (this.#isMeasured(at)) this.#sent += 1;
    writer.unsent.push(at);
    writer.document.change((doc) => {
      doc[`${writer.prefix}${writer.count % KEYS}`] = at;
    });
    writer.count += 1;
  }

  #changesSent(writer: Writer): void {
    for (const at of writer.unsent) this.#record(this.#held, at);
    writer.unsent = [];
  }

  #saw(at: number): void {
    this.#lastSeenAt = now(); // what was made before the span may come first, and late
    if (!this.#isMeasured(at)) return;
    this.#seen += 1;
    this.#record(this.#latency, at);
  }

  #record(histogram: Histogram, at: number): void {
    if (this.#isMeasured(at)) histogram.recordValue(Math.max(0, Math.round(now() - at)));
  }

  #isMeasured(at: number): boolean {
    return at >= this.#span.from && at < this.#span.to;
  }

  async #drain(): Promise<void> {
    const end = now() + DRAIN_MS * 1000;
    this.#lastSeenAt = now();
    while (now() < end && now() - this.#lastSeenAt < QUIET_MS * 1000) await sleep(50);
  }
}

/** Unix microseconds: all processes of a machine have the same. */
function now(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
