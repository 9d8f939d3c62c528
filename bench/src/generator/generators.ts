import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { GeneratorProcess } from './generator-process.ts';
import { type Counts, connected, counts, type LoadPlan, latencies } from './messages.ts';

/** What happens between a server that stands still and the end of waiting for it. */
const QUIET_MS = 2000;
const DRAIN_MS = 10_000;
const POLL_MS = 100;
/** Before this no time is: what is due at the epoch would be negative where clocks differ a little. */
const EPOCH_MS = 1000;

export type SharedPlan = Omit<LoadPlan, 'epoch' | 'share'>;

/** Clients that write keys, and look at everything. */
export const WRITE_KEYS = { subject: 'keys', observersEach: Number.MAX_SAFE_INTEGER, placement: 'together' } as const;

/** Of all processes together. */
export interface Totals extends Omit<Counts, 'at'> {}

export interface Span {
  /** A second, of all processes. */
  readonly rates: Pick<Totals, 'sent' | 'acked' | 'delivered'>;
  /** Cores that the load generator took. */
  readonly cores: number;
  readonly acked: number;
}

/** A load generator: processes that share out clients and speak to the same servers. */
export class Generators {
  readonly #processes: readonly GeneratorProcess[];
  readonly #plan: SharedPlan;

  constructor(plan: SharedPlan, processes: number) {
    this.#plan = plan;
    const epoch = Date.now() - EPOCH_MS;
    this.#processes = Array.from(
      { length: processes },
      (_, index) => new GeneratorProcess({ ...plan, epoch, share: { index, of: processes } }),
    );
  }

  /** Connects all clients; resolves with how long each took, in milliseconds, and the bytes that all were sent until then. */
  async connect(atOnce: number): Promise<{ milliseconds: number[]; bytes: number }> {
    const share = Math.ceil(atOnce / this.#processes.length);
    const reports = await this.#all((one) => one.ask({ do: 'connect', atOnce: share }, connected));
    return {
      milliseconds: reports.flatMap(({ milliseconds }) => milliseconds),
      bytes: reports.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  async disconnect(keep: boolean): Promise<void> {
    await this.#all((one) => one.tell({ do: 'disconnect', keep }));
  }

  /** Fills documents, as the command says. */
  async fill(keys: number, valueBytes: number): Promise<void> {
    const [first] = this.#processes;
    if (this.#plan.workspaces >= this.#processes.length)
      await this.#all((one) => one.tell({ do: 'fill', keys, valueBytes }));
    else await first?.tell({ do: 'fill', keys, valueBytes });
  }

  async tell(what: 'begin' | 'measure' | 'measured' | 'cease'): Promise<void> {
    await this.#all((one) => one.tell({ do: what }));
  }

  count(): Promise<Counts[]> {
    return this.#all((one) => one.ask({ do: 'count' }, counts));
  }

  /** Waits until everything that was sent has been acked and has come to all others; not when nothing comes any more. */
  async drain(): Promise<Totals> {
    const begin = performance.now();
    let changedAt = begin;
    let before = totalsOf(await this.count());
    for (;;) {
      if (before.acked >= before.sent && before.delivered >= this.expected(before.sent)) return before;
      const now = performance.now();
      if (now - changedAt > QUIET_MS || now - begin > DRAIN_MS) return before;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const totals = totalsOf(await this.count());
      if (totals.acked !== before.acked || totals.delivered !== before.delivered) changedAt = performance.now();
      before = totals;
    }
  }

  /** So many deliveries belong to so many writes: every other client of the workspace has each. */
  expected(writes: number): number {
    return writes * (this.#plan.clientsEach - 1);
  }

  async latencies(): Promise<{ ack: Histogram; delivery: Histogram }> {
    const reports = await this.#all((one) => one.ask({ do: 'report' }, latencies));
    return { ack: merged(reports.map(({ ack }) => ack)), delivery: merged(reports.map(({ delivery }) => delivery)) };
  }

  async stop(): Promise<void> {
    await this.#all((one) => one.stop());
  }

  #all<R>(ask: (one: GeneratorProcess) => Promise<R>): Promise<R[]> {
    return Promise.all(this.#processes.map(ask));
  }
}

export function totalsOf(each: readonly Counts[]): Totals {
  const sum = (of: keyof Totals) => each.reduce((total, one) => total + one[of], 0);
  return {
    sent: sum('sent'),
    acked: sum('acked'),
    delivered: sum('delivered'),
    disordered: sum('disordered'),
    closed: sum('closed'),
    cpuSeconds: sum('cpuSeconds'),
  };
}

/** What happened from one look at the counts until another. */
export function spanOf(before: readonly Counts[], after: readonly Counts[]): Span {
  const rates = { sent: 0, acked: 0, delivered: 0 };
  let cores = 0;
  let acked = 0;
  for (const [n, last] of after.entries()) {
    const first = before[n];
    if (first === undefined) throw new Error('a process was not asked before');
    const seconds = (last.at - first.at) / 1000;
    rates.sent += (last.sent - first.sent) / seconds;
    rates.acked += (last.acked - first.acked) / seconds;
    rates.delivered += (last.delivered - first.delivered) / seconds;
    cores += (last.cpuSeconds - first.cpuSeconds) / seconds;
    acked += last.acked - first.acked;
  }
  return { rates, cores, acked };
}

function merged(encoded: readonly string[]): Histogram {
  const [first, ...others] = encoded.map((one) => decodeFromCompressedBase64(one));
  if (first === undefined) throw new Error('a load generator without a process');
  for (const other of others) first.add(other);
  return first;
}
