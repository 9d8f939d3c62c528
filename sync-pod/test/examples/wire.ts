import type { Socket } from 'node:net';
import { Relay } from '../relay.ts';

/** A wire between a client and a pod, that can be made to lose what one of them sends. */
export class Wire {
  readonly #relay: Relay;
  /** Whose bytes are lost. */
  loses: 'nothing' | 'requests' | 'answers' = 'nothing';
  /** Bytes that were lost since the wire was made. */
  lost = 0;

  private constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** @param podPort where the pod is at the moment */
  static async open(podPort: () => number): Promise<Wire> {
    const relay = await Relay.start(podPort, (pod, client) => {
      wire.#pass(client, pod, 'requests');
      wire.#pass(pod, client, 'answers');
    });
    const wire = new Wire(relay); // before anybody knows its port
    return wire;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#relay.port}`;
  }

  close(): Promise<void> {
    return this.#relay.stop();
  }

  #pass(from: Socket, to: Socket, what: 'requests' | 'answers'): void {
    from.on('data', (chunk) => {
      if (this.loses === what) this.lost += chunk.byteLength;
      else to.write(chunk);
    });
  }
}
