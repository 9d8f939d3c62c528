import { build, type Histogram } from 'hdr-histogram-js';
import { cpuSeconds } from './process-stats.ts';
import { RawClient } from './raw-client.ts';

interface LoadServer {
  readonly port: number;
  /** Its CPU time is read. */
  readonly pid: number;
}

/** What a load run does; passed as JSON in the first argument. */
export interface LoadPlan {
  /** Workspaces are spread evenly over them. */
  readonly servers: readonly LoadServer[];
  readonly workspaces: number;
  readonly clientsEach: number;
  /** Where the clients of a workspace are: on one server, or each on the next one. Unset: on one. */
  readonly placement?: 'together' | 'apart';
  /** So many clients of each workspace write, and the rest only receives. Unset: all. */
  readonly writersEach?: number;
  /** Query string of every connection. */
  readonly query: string;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Closed loop: so many ops without an ack at a client. Open loop: so many ops a second in all, whatever comes back. */
  readonly load: { readonly window: number } | { readonly opsPerSecond: number };
}

/** Latencies in milliseconds. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface LoadResult {
  readonly opsPerSecond: number;
  /** Microseconds of the servers' CPU for each acked op. */
  readonly serverCpuPerOp: number;
  /** Share of one core that this generator used. */
  readonly generatorCpu: number;
  /** Ops seen at other clients for each op sent: one less than the clients of a workspace, else the server lost some. */
  readonly deliveriesPerOp: number;
  readonly ack: Latency;
  readonly delivery: Latency;
}

const TICK_MS = 1;
const COUNT = Buffer.from('"count":');
const VALUE = Buffer.from('"value":');
const ACK = Buffer.from('{"type":"ack"');

interface LoadClient {
  readonly raw: RawClient;
  /** When each op without an ack was due, oldest first. */
  readonly sentAt: number[];
  readonly key: string;
  /** Ops acked since the window was filled last. */
  credit: number;
}

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #clients: LoadClient[] = [];
  /** Those that write. */
  readonly #writers: LoadClient[] = [];
  #acked = 0;
  #delivered = 0;
  #measuring = false;
  readonly #ack: Histogram = build({ highestTrackableValue: 60_000_000 });
  readonly #delivery: Histogram = build({ highestTrackableValue: 60_000_000 });

  constructor(plan: LoadPlan) {
    this.#plan = plan;
  }

  async run(): Promise<LoadResult> {
    const { warmupMs, measureMs, load } = this.#plan;
    await this.#connect();
    const stop = 'window' in load ? this.#closedLoop(load.window) : this.#openLoop(load.opsPerSecond);
    await sleep(warmupMs);
    this.#measuring = true;
    const before = {
      acked: this.#acked,
      delivered: this.#delivered,
      cpu: this.#cpuSeconds(),
      own: process.cpuUsage(),
      at: performance.now(),
    };
    await sleep(measureMs);
    const seconds = (performance.now() - before.at) / 1000;
    const own = process.cpuUsage(before.own);
    const cpu = this.#cpuSeconds() - before.cpu;
    const ops = this.#acked - before.acked;
    stop();
    for (const { raw } of this.#clients) raw.close();
    return {
      opsPerSecond: ops / seconds,
      serverCpuPerOp: (cpu / ops) * 1e6,
      generatorCpu: (own.user + own.system) / 1e6 / seconds,
      deliveriesPerOp: (this.#delivered - before.delivered) / ops,
      ack: percentiles(this.#ack),
      delivery: percentiles(this.#delivery),
    };
  }

  async #connect(): Promise<void> {
    const { servers, workspaces, clientsEach, writersEach = clientsEach, placement, query } = this.#plan;
    for (let workspace = 0; workspace < workspaces; workspace += 1) {
      for (let n = 0; n < clientsEach; n += 1) {
        const server = servers[(workspace + (placement === 'apart' ? n : 0)) % servers.length];
        if (server === undefined) throw new Error('the plan names no server');
        const raw = await RawClient.open(server.port, `/v1/sync/bench-${workspace}?${query}`);
        const client: LoadClient = { raw, sentAt: [], key: `key-${n}`, credit: 0 };
        raw.onFrame((frame) => this.#received(client, frame));
        this.#clients.push(client);
        if (n < writersEach) this.#writers.push(client);
      }
    }
  }

  /** Of all servers, in seconds. */
  #cpuSeconds(): number {
    return this.#plan.servers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
  }

  #closedLoop(window: number): () => void {
    for (const client of this.#writers) this.#send(client, window, now());
    // What a batch of frames has acked goes out again in one write, as a client with a full window does.
    let running = true;
    const refill = () => {
      for (const client of this.#writers) {
        if (client.credit === 0) continue;
        this.#send(client, client.credit, now());
        client.credit = 0;
      }
      if (running) setImmediate(refill);
    };
    refill();
    return () => {
      running = false;
    };
  }

  /** Each op has its own time at which it is due; latency counts from there, so that a late generator hides nothing. */
  #openLoop(opsPerSecond: number): () => void {
    const start = now();
    let due = 0;
    const timer = setInterval(() => {
      const upTo = Math.floor(((now() - start) / 1e6) * opsPerSecond);
      for (; due < upTo; due += 1) {
        const client = this.#writers[due % this.#writers.length];
        if (client !== undefined) this.#send(client, 1, start + Math.floor((due / opsPerSecond) * 1e6));
      }
    }, TICK_MS);
    return () => clearInterval(timer);
  }

  #send(client: LoadClient, count: number, dueAt: number): void {
    const op = `{"type":"op","payload":{"key":"${client.key}","value":${dueAt}}}`;
    client.raw.send(Array.from({ length: count }, () => op));
    for (let i = 0; i < count; i += 1) client.sentAt.push(dueAt);
  }

  #received(client: LoadClient, frame: Buffer): void {
    const at = now();
    if (frame.subarray(0, ACK.length).equals(ACK)) {
      const count = numberAfter(frame, frame.indexOf(COUNT) + COUNT.length);
      this.#acked += count;
      client.credit += count;
      for (const dueAt of client.sentAt.splice(0, count)) this.#record(this.#ack, at - dueAt);
      return;
    }
    for (let i = frame.indexOf(VALUE); i !== -1; i = frame.indexOf(VALUE, i + 1)) {
      this.#delivered += 1;
      this.#record(this.#delivery, at - numberAfter(frame, i + VALUE.length));
    }
  }

  #record(histogram: Histogram, microseconds: number): void {
    if (this.#measuring) histogram.recordValue(Math.max(0, microseconds));
  }
}

function numberAfter(frame: Buffer, start: number): number {
  let value = 0;
  for (let i = start; i < frame.length; i += 1) {
    const digit = (frame[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}

/** Microseconds since this process began. */
function now(): number {
  return Math.floor(performance.now() * 1000);
}

function percentiles(histogram: Histogram): Latency {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p99: at(99) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const plan: LoadPlan = JSON.parse(process.argv[2] ?? '');
process.stdout.write(JSON.stringify(await new LoadRun(plan).run()));
process.exit(0);
