import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const TEXT = 0x81;
const BINARY = 0x82;
const PING = 0x89;
const PONG = 0x8a;
const MASKED = 0x80;

/** A message: text, or bytes that are sent as a binary frame. */
export type Message = string | Uint8Array;

/**
 * A WebSocket client that costs almost nothing: it frames with a mask of zeros, so that no byte changes, and hands over
 * received frames as slices of what was read. For load generators that must not be the bottleneck.
 */
export class RawClient {
  readonly #socket: Socket;
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes that must be there until the next frame is whole, as far as is known. */
  #needed = 0;
  #onFrame: (payload: Buffer) => void;

  private constructor(socket: Socket, onFrame: (payload: Buffer) => void) {
    this.#socket = socket;
    this.#onFrame = onFrame;
  }

  /** Resolves when the first frame has come. */
  static async open(port: number, path: string): Promise<RawClient> {
    return (await RawClient.openWithFirst(port, path)).raw;
  }

  /** As `open`, with the first frame. */
  static openWithFirst(port: number, path: string): Promise<{ raw: RawClient; first: Buffer }> {
    return new Promise((resolve, reject) => {
      let raw: RawClient | undefined;
      let first: Buffer | undefined;
      const settle = () => raw !== undefined && first !== undefined && resolve({ raw, first });
      RawClient.connect(port, path, (frame) => {
        first ??= frame;
        settle();
      }).then((connected) => {
        raw = connected;
        settle();
      }, reject);
    });
  }

  /** Resolves when the server has accepted the connection; frames may come before. */
  static connect(port: number, path: string, onFrame: (payload: Buffer) => void): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const client = new RawClient(socket, onFrame);
      socket.once('error', reject);
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
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
        resolve(client);
        client.#read(Buffer.from(head.slice(end + 4), 'latin1'));
      };
      socket.on('data', readHead);
    });
  }

  onFrame(handler: (payload: Buffer) => void): void {
    this.#onFrame = handler;
  }

  /** Calls back when the connection has ended, whoever ended it. */
  onClose(handler: () => void): void {
    this.#socket.on('error', () => {}); // it is closed then
    this.#socket.once('close', handler);
  }

  /** Several messages, in one write. */
  send(messages: readonly Message[]): void {
    this.#socket.write(Buffer.concat(messages.map(frameOf)));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    let data = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    for (;;) {
      const frame = firstFrame(data);
      this.#needed = frame?.end ?? 0;
      if (frame === undefined || data.length < frame.end) break;
      this.#take(data[0], data.subarray(frame.start, frame.end));
      data = data.subarray(frame.end);
    }
    this.#parts = data.length === 0 ? [] : [data];
    this.#held = data.length;
  }

  #take(kind: number | undefined, payload: Buffer): void {
    if (kind === TEXT || kind === BINARY) this.#onFrame(payload);
    else if (kind === PING) this.#socket.write(framed(PONG, payload));
  }
}

function frameOf(message: Message): Buffer {
  return typeof message === 'string' ? framed(TEXT, Buffer.from(message)) : framed(BINARY, message);
}

function framed(kind: number, payload: Uint8Array): Buffer {
  const size = payload.length;
  const head = size < 126 ? 6 : size < 65536 ? 8 : 14;
  const frame = Buffer.alloc(head + size);
  frame[0] = kind;
  if (size < 126) frame[1] = MASKED | size;
  else if (size < 65536) {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = MASKED | 127;
    frame.writeBigUInt64BE(BigInt(size), 2);
  }
  frame.set(payload, head);
  return frame;
}

/** Where the payload of the first frame is; its end may lie beyond what is there. Undefined: not even its length is there. */
function firstFrame(data: Buffer): { start: number; end: number } | undefined {
  const short = data[1];
  if (short === undefined) return undefined;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (data.length < start) return undefined;
  const size = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
  return { start, end: start + size };
}
