import type { Socket } from 'node:net';
import { Relay } from '../relay.ts';

/** What happens to a message of a live subject on its way to a pod. */
export type Fate = 'passes' | 'is lost' | 'comes twice' | 'comes late';

const LINE_END = Buffer.from('\r\n');

/** Stands between pods and a nats-server, and treats what the stream publishes again worse than a network does. */
export class NatsProxy {
  readonly #relay: Relay;
  /** So many messages may pass until it blocks. */
  #mayPass = Number.POSITIVE_INFINITY;
  /** How many messages had another fate than to pass. */
  mistreated = 0;

  private constructor(relay: Relay) {
    this.#relay = relay;
  }

  /**
   * @param upstream the port of the nats-server
   * @param fate asked for each message; without, bytes pass as they are: servers compress what they say to each other
   */
  static async start(upstream: string, fate?: () => Fate): Promise<NatsProxy> {
    if (fate === undefined) return new NatsProxy(await Relay.start(() => Number(upstream)));
    const relay = await Relay.start(
      () => Number(upstream),
      (nats, pod) => proxy.#mistreat(pod, nats, fate),
    );
    const proxy = new NatsProxy(relay); // before anybody knows its port
    return proxy;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#relay.port}`;
  }

  /** Ends all connections; pods may connect again at once. */
  cut(): void {
    this.#relay.cut();
  }

  /** Lets nobody through until `unblock`. */
  block(): void {
    this.#relay.block();
  }

  /** Blocks after so many more messages. */
  blockAfter(messages: number): void {
    this.#mayPass = messages;
  }

  unblock(): void {
    this.#relay.unblock();
    this.#mayPass = Number.POSITIVE_INFINITY;
  }

  stop(): Promise<void> {
    return this.#relay.stop();
  }

  #mistreat(pod: Socket, nats: Socket, fateOfNext: () => Fate): void {
    const parser = new ProtocolParser();
    let late: Buffer | undefined;
    pod.pipe(nats);
    nats.on('data', (bytes) => {
      for (const { isMessage, isLive, frame } of parser.take(bytes)) {
        if (isMessage && this.#mayPass === 0) return this.block();
        if (isMessage) this.#mayPass -= 1;
        const fate = isLive ? fateOfNext() : 'passes';
        if (fate !== 'passes') this.mistreated += 1;
        if (fate === 'comes late' && late === undefined) {
          late = frame;
          continue;
        }
        if (fate !== 'is lost') pod.write(frame);
        if (fate === 'comes twice') pod.write(frame);
        if (!isLive || late === undefined) continue;
        pod.write(late);
        late = undefined;
      }
    });
  }
}

/** Cuts what a nats-server sends into frames: https://docs.nats.io/reference/reference-protocols/nats-protocol */
class ProtocolParser {
  #rest: Buffer = Buffer.alloc(0);

  *take(bytes: Buffer): Iterable<{ isMessage: boolean; isLive: boolean; frame: Buffer }> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let end = this.#frameEnd(); end !== undefined; end = this.#frameEnd()) {
      const frame = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      const [verb, subject = ''] = frame.subarray(0, 1024).toString().split(' ', 2);
      const isMessage = verb === 'HMSG' || verb === 'MSG';
      yield { isMessage, isLive: verb === 'HMSG' && subject.includes('.live.'), frame };
    }
  }

  #frameEnd(): number | undefined {
    const lineEnd = this.#rest.indexOf(LINE_END);
    if (lineEnd === -1) return undefined;
    const line = this.#rest.subarray(0, lineEnd).toString();
    const hasPayload = line.startsWith('MSG ') || line.startsWith('HMSG ');
    const end = lineEnd + LINE_END.length + (hasPayload ? Number(line.split(' ').at(-1)) + LINE_END.length : 0);
    return end <= this.#rest.length ? end : undefined;
  }
}
