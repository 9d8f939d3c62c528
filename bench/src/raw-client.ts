import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const TEXT_FRAME = 0x81;
const MASKED = 0x80;

/**
 * A WebSocket client that costs almost nothing: it frames with a mask of zeros, so that no byte changes, and hands over
 * received frames as slices of what was read. For load generators that must not be the bottleneck.
 */
export class RawClient {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #onFrame: (payload: Buffer) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Resolves when the first frame has come. */
  static async open(port: number, path: string): Promise<RawClient> {
    return (await RawClient.openWithFirst(port, path)).raw;
  }

  /** As `open`, with the first frame. */
  static openWithFirst(port: number, path: string): Promise<{ raw: RawClient; first: Buffer }> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const client = new RawClient(socket);
      client.#onFrame = (first) => resolve({ raw: client, first });
      socket.once('error', reject);
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
      let head = '';
      const readHead = (chunk: Buffer) => {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        if (!head.startsWith('HTTP/1.1 101')) {
          reject(new Error(`no upgrade: ${head}`));
          return;
        }
        socket.off('data', readHead);
        socket.on('data', (more) => client.#read(more));
        client.#read(Buffer.from(head.slice(end + 4), 'latin1'));
      };
      socket.on('data', readHead);
    });
  }

  onFrame(handler: (payload: Buffer) => void): void {
    this.#onFrame = handler;
  }

  /** Several messages, in one write. */
  send(messages: readonly string[]): void {
    this.#socket.write(Buffer.concat(messages.map(frameOf)));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const frame = firstFrame(data);
      if (frame === undefined) break;
      if (data[0] === TEXT_FRAME) this.#onFrame(data.subarray(frame.start, frame.end));
      data = data.subarray(frame.end);
    }
    this.#rest = data;
  }
}

function frameOf(message: string): Buffer {
  const size = Buffer.byteLength(message);
  const head = size < 126 ? 6 : size < 65536 ? 8 : 14;
  const frame = Buffer.alloc(head + size);
  frame[0] = TEXT_FRAME;
  if (size < 126) frame[1] = MASKED | size;
  else if (size < 65536) {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = MASKED | 127;
    frame.writeBigUInt64BE(BigInt(size), 2);
  }
  frame.write(message, head);
  return frame;
}

function firstFrame(data: Buffer): { start: number; end: number } | undefined {
  const short = data[1];
  if (short === undefined) return undefined;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (data.length < start) return undefined;
  const size = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
  return data.length < start + size ? undefined : { start, end: start + size };
}
