import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const HEADER_BYTES = 12;
const TYPE_A = 1;
/** An answer, authoritative and recursive; with it: no such name. */
const ANSWER = 0x8580;
const NO_SUCH_NAME = 3;
const TTL_SECONDS = 1;

/** A DNS server on loopback that knows the IPv4 addresses of a few names: https://www.rfc-editor.org/rfc/rfc1035 */
export class NameServer {
  readonly #socket: Socket;
  readonly #addresses = new Map<string, string>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (query, { port, address }) => socket.send(this.#answer(query), port, address));
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  set(name: string, address: string): void {
    this.#addresses.set(name, address);
  }

  delete(name: string): void {
    this.#addresses.delete(name);
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const { name, end } = readName(query);
    const address = this.#addresses.get(name);
    const question = query.subarray(HEADER_BYTES, end + 4);
    const isAsked = query.readUInt16BE(end) === TYPE_A && address !== undefined;
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(ANSWER | (address === undefined ? NO_SUCH_NAME : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(isAsked ? 1 : 0, 6);
    return Buffer.concat([header, question, ...(isAsked ? [addressRecord(address)] : [])]);
  }
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** Of the name in the question. */
function addressRecord(address: string): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(TTL_SECONDS, 6);
  record.writeUInt16BE(4, 10);
  record.set(address.split('.').map(Number), 12);
  return record;
}
