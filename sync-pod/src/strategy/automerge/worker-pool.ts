import { Piscina } from 'piscina';
import type { HeavyWork } from './heavy-work.ts';

/** A thread that has packed a large document keeps the memory for it until it ends. */
const IDLE_MS = 5_000;

/** Does heavy work on worker threads, which are started when there is some and end when there has been none for a while. */
export class WorkerPool implements HeavyWork {
  readonly #pool = new Piscina({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: 2,
    idleTimeout: IDLE_MS,
  });

  encode(...input: Parameters<HeavyWork['encode']>): ReturnType<HeavyWork['encode']> {
    return this.#pool.run(input, { name: 'encode' });
  }

  decode(...input: Parameters<HeavyWork['decode']>): ReturnType<HeavyWork['decode']> {
    return this.#pool.run(input, { name: 'decode' });
  }

  pack(...input: Parameters<HeavyWork['pack']>): ReturnType<HeavyWork['pack']> {
    return this.#pool.run(input, { name: 'pack' });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
