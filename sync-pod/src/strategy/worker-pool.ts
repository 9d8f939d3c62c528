import { Piscina } from 'piscina';
import type { HeavyWork } from './automerge/heavy-work.ts';
import type { HistoryWork } from './history.ts';

/** A thread that has packed a large document keeps the memory for it until it ends. */
const IDLE_MS = 5_000;
/** Whatever takes longer has been made to take for ever. */
const TASK_MS = 600_000;

/** Does heavy work on worker threads, which are started when there is some and end when there has been none for a while. */
export class WorkerPool implements HeavyWork, HistoryWork {
  readonly #pool = new Piscina({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: 2,
    idleTimeout: IDLE_MS,
  });

  encode(...input: Parameters<HeavyWork['encode']>): ReturnType<HeavyWork['encode']> {
    return this.#run(input, 'encode');
  }

  decode(...input: Parameters<HeavyWork['decode']>): ReturnType<HeavyWork['decode']> {
    return this.#run(input, 'decode');
  }

  summarize(...input: Parameters<HeavyWork['summarize']>): ReturnType<HeavyWork['summarize']> {
    return this.#run(input, 'summarize');
  }

  pack(...input: Parameters<HistoryWork['pack']>): ReturnType<HistoryWork['pack']> {
    return this.#run(input, 'pack');
  }

  page(...input: Parameters<HistoryWork['page']>): ReturnType<HistoryWork['page']> {
    return this.#run(input, 'page');
  }

  records(...input: Parameters<HistoryWork['records']>): ReturnType<HistoryWork['records']> {
    return this.#run(input, 'records');
  }

  stateAt(...input: Parameters<HistoryWork['stateAt']>): ReturnType<HistoryWork['stateAt']> {
    return this.#run(input, 'stateAt');
  }

  #run<T>(input: readonly unknown[], name: string): Promise<T> {
    return this.#pool.run(input, { name, signal: AbortSignal.timeout(TASK_MS) });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
