import type { ClientEvents } from '../../src/protocols/protocol.ts';
import type { Message } from '../../src/raw-client.ts';

/** Keeps what a client of a protocol takes notice of. */
export class Recorder implements ClientEvents {
  isReady = false;
  ackedCount = 0;
  readonly deliveries: [number, number][] = [];
  readonly sent: Message[] = [];
  readonly seenAt: number[] = [];

  ready(): void {
    this.isReady = true;
  }

  acked(count: number): void {
    this.ackedCount += count;
  }

  delivered(writer: number, dueAt: number): void {
    this.deliveries.push([writer, dueAt]);
  }

  seen(dueAt: number): void {
    this.seenAt.push(dueAt);
  }

  send(message: Message): void {
    this.sent.push(message);
  }
}
