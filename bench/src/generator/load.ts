import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type { z } from 'zod';
import { PROTOCOLS } from '../protocols/index.ts';
import { microsecondsSince } from './clock.ts';
import { LoadClient } from './load-client.ts';
import type { Counts, connected, LoadPlan, latencies } from './messages.ts';
import { Schedule } from './schedule.ts';

const TICK_MS = 1;
const FILL_POLL_MS = 100;
const HIGHEST = { highestTrackableValue: 60_000_000 };

/** The clients of one process, and their load. */
export class Load {
  readonly #plan: LoadPlan;
  /** By workspace, and by their number in it. */
  readonly #workspaces = new Map<number, Map<number, LoadClient>>();
  readonly #clients: LoadClient[] = [];
  readonly #writers: LoadClient[] = [];
  readonly #ack = build(HIGHEST);
  readonly #delivery = build(HIGHEST);
  readonly #creditIsDelivery: boolean;
  /** Per client and writer, when the last write that came was due. */
  readonly #last = new Map<LoadClient, number[]>();
  #measuredFrom = Number.POSITIVE_INFINITY;
  #measuredTo = Number.POSITIVE_INFINITY;
  #sent = 0;
  #acked = 0;
  #delivered = 0;
  #disordered = 0;
  #closed = 0;
  #onCredit = () => {};
  #cease = () => {};

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const protocol = PROTOCOLS[plan.protocol];
    this.#creditIsDelivery = protocol.credit === 'delivery';
    const observer = {
      acked: (_client: LoadClient, dueAt: readonly number[]) => this.#onAcked(dueAt),
      delivered: (client: LoadClient, writer: number, dueAt: number) => this.#onDelivered(client, writer, dueAt),
      seen: (dueAt: number) => this.#onSeen(dueAt),
      closed: () => {
        this.#closed += 1;
      },
    };
    for (const { workspace, n } of ownClients(plan)) {
      const port = plan.ports[(workspace + (plan.placement === 'apart' ? n : 0)) % plan.ports.length];
      if (port === undefined) throw new Error('the plan names no server');
      const client = new LoadClient(protocol, { workspace, n }, port, plan.query, observer);
      client.looks = n < plan.observersEach;
      this.#clients.push(client);
      this.#last.set(client, []);
      if (n < plan.writersEach) this.#writers.push(client);
      const others = this.#workspaces.get(workspace) ?? new Map<number, LoadClient>();
      this.#workspaces.set(workspace, others.set(n, client));
    }
  }

  async connect(atOnce: number): Promise<z.infer<typeof connected>> {
    const waiting = this.#clients.values();
    const milliseconds: number[] = [];
    const work = async () => {
      for (const client of waiting) milliseconds.push(await client.connect());
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return { milliseconds, bytes: this.#clients.reduce((sum, { firstBytes }) => sum + firstBytes, 0) };
  }

  disconnect(keep: boolean): void {
    for (const client of this.#clients) client.disconnect(keep);
  }

  /** Fills the document of each workspace; resolves when a client that connects is given it, and none is connected. */
  async fill(keys: number, valueBytes: number): Promise<void> {
    for (const clients of this.#workspaces.values()) {
      const [writer, reader] = clients.values();
      if (writer === undefined || reader === undefined) throw new Error('nobody is there to fill a workspace');
      await writer.connect();
      writer.fill(keys, valueBytes);
      do {
        await new Promise((resolve) => setTimeout(resolve, FILL_POLL_MS));
        reader.disconnect(false);
        await reader.connect();
      } while (reader.firstBytes < keys * valueBytes);
      writer.disconnect(false);
      reader.disconnect(false);
    }
  }

  begin(): void {
    const { load, protocol } = this.#plan;
    if ('window' in load) this.#beginClosed(Math.min(load.window, PROTOCOLS[protocol].window));
    else this.#beginOpen(load.writesPerSecond / this.#plan.share.of);
  }

  measure(): void {
    this.#measuredFrom = this.#now();
  }

  measured(): void {
    this.#measuredTo = this.#now();
  }

  cease(): void {
    this.#cease();
  }

  count(): Counts {
    const { user, system } = process.cpuUsage();
    return {
      at: this.#now() / 1000,
      sent: this.#sent,
      acked: this.#acked,
      delivered: this.#delivered,
      disordered: this.#disordered,
      closed: this.#closed,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  report(): z.infer<typeof latencies> {
    return { ack: encodeIntoCompressedBase64(this.#ack), delivery: encodeIntoCompressedBase64(this.#delivery) };
  }

  #beginClosed(window: number): void {
    for (const client of this.#writers) this.#write(client, window, this.#now());
    // What a batch of frames has acked goes out again in one write, as a client with a full window does.
    let isScheduled = false;
    const refill = () => {
      isScheduled = false;
      for (const client of this.#writers) {
        const { credit } = client;
        client.credit = 0;
        if (credit > 0) this.#write(client, credit, this.#now());
      }
    };
    this.#onCredit = () => {
      if (!isScheduled) setImmediate(refill);
      isScheduled = true;
    };
    this.#cease = () => {
      this.#onCredit = () => {};
      for (const client of this.#writers) client.credit = 0;
    };
  }

  /** Each write has its own time at which it is due; latency counts from there, so that a late generator hides nothing. */
  #beginOpen(writesPerSecond: number): void {
    const start = this.#now();
    const schedule = new Schedule(writesPerSecond);
    const timer = setInterval(() => {
      for (const { n, due } of schedule.dueBy(this.#now() - start)) {
        const client = this.#writers[n % this.#writers.length];
        if (client !== undefined) this.#write(client, 1, start + due);
      }
    }, TICK_MS);
    this.#cease = () => clearInterval(timer);
  }

  #write(client: LoadClient, count: number, dueAt: number): void {
    this.#sent += count;
    if (this.#plan.subject === 'presence') client.present(dueAt);
    else client.write(count, dueAt);
  }

  #onAcked(dueAt: readonly number[]): void {
    const at = this.#now();
    this.#acked += dueAt.length;
    this.#onCredit();
    for (const due of dueAt) if (this.#isMeasured(due)) this.#ack.recordValue(Math.max(0, at - due));
  }

  #onDelivered(client: LoadClient, writer: number, dueAt: number): void {
    this.#delivered += 1;
    if (this.#isMeasured(dueAt)) this.#delivery.recordValue(Math.max(0, this.#now() - dueAt));
    const last = this.#last.get(client);
    if (last === undefined) throw new Error('something came to a client that there is not');
    if (dueAt < (last[writer] ?? 0)) this.#disordered += 1;
    last[writer] = dueAt;
    if (this.#creditIsDelivery) this.#credit(client, writer);
  }

  #onSeen(dueAt: number): void {
    this.#delivered += 1;
    if (this.#isMeasured(dueAt)) this.#delivery.recordValue(Math.max(0, this.#now() - dueAt));
  }

  /** A write counts as acked when the next client of its workspace in this process has it. */
  #credit(client: LoadClient, writer: number): void {
    const { workspace, n } = client.identity;
    const { of } = this.#plan.share;
    const step = this.#plan.workspaces < of ? of : 1;
    const others = this.#workspaces.get(workspace);
    const next = others?.has(writer + step) ? writer + step : others?.keys().next().value;
    if (next === n) others?.get(writer)?.acked(1);
  }

  #isMeasured(dueAt: number): boolean {
    return dueAt >= this.#measuredFrom && dueAt < this.#measuredTo;
  }

  #now(): number {
    return microsecondsSince(this.#plan.epoch);
  }
}

/** Those of the plan that are this process's. */
function* ownClients({ workspaces, clientsEach, share: { index, of } }: LoadPlan) {
  const byWorkspace = workspaces >= of;
  for (let workspace = 0; workspace < workspaces; workspace += 1) {
    if (byWorkspace && workspace % of !== index) continue;
    for (let n = 0; n < clientsEach; n += 1) {
      if (byWorkspace || n % of === index) yield { workspace, n };
    }
  }
}
