import { isUtf8 } from 'node:buffer';

/** Bytes are not in the usual form: they end too early, or say something in more bytes than it takes. */
export class UnusualFormError extends Error {
  override readonly name = 'UnusualFormError';
}

/** Reads what `ByteWriter` writes. Every method throws UnusualFormError where something else is there. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  private constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  static of(bytes: Uint8Array): ByteReader {
    return new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }

  /** How many bytes have not been read. */
  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  /** LEB128 of a whole number from 0 to 2^53. */
  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value) || (byte === 0 && scale > 1)) throw new UnusualFormError('a number');
      if (byte < 0x80) return value;
    }
  }

  /** Signed LEB128 of a whole number of up to 53 bits. */
  signed(): number {
    let value = 0;
    let before = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      if (byte >= 0x80) {
        value += (byte & 0x7f) * scale;
        before = byte;
      } else {
        // The sign is in the last byte, so that all that is added up is exact.
        value += (byte < 0x40 ? byte : byte - 0x80) * scale;
        const says = (before & 0x40) === 0 ? 0 : 0x7f;
        if (scale > 1 && byte === says) throw new UnusualFormError('a number in more bytes than it takes');
      }
      if (!Number.isSafeInteger(value)) throw new UnusualFormError('a number of more than 53 bits');
      if (byte < 0x80) return value;
    }
  }

  /** IEEE 754 with 64 bits, little endian. */
  float(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** UTF-8 of so many bytes. */
  text(bytes: number): string {
    const start = this.#take(bytes);
    const text = this.#bytes.toString('utf8', start, this.#at);
    // It stands for what is not UTF-8, and may be there itself.
    const isDoubtful = text.includes('\uFFFD');
    if (isDoubtful && !isUtf8(this.#bytes.subarray(start, this.#at))) throw new UnusualFormError('no UTF-8');
    return text;
  }

  /** UTF-8 after its length. */
  prefixedText(): string {
    return this.text(this.unsigned());
  }

  /** So many bytes, as hex. */
  hex(bytes: number): string {
    const start = this.#take(bytes);
    return this.#bytes.toString('hex', start, this.#at);
  }

  prefixedHex(): string {
    return this.hex(this.unsigned());
  }

  /** A reader of the next so many bytes, which this one is beyond. */
  part(bytes: number): ByteReader {
    const start = this.#take(bytes);
    return new ByteReader(this.#bytes, start, this.#at);
  }

  /** What so many calls give, each of which reads a byte at the least. */
  list<T>(count: number, one: () => T): T[] {
    if (count > this.left) throw new UnusualFormError('more than there are bytes');
    const items: T[] = [];
    while (items.length < count) items.push(one());
    return items;
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (bytes > this.left) throw new UnusualFormError('an end that comes too early');
    this.#at += bytes;
    return start;
  }
}
