/** Bytes that are put together, in the basic forms of Automerge's binary format. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What has been written so far; valid until more is. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** LEB128 of a whole number from 0 to 2^53. */
  unsigned(value: number): void {
    this.#reserve(8);
    let rest = value;
    // Bit operations are for 32 bits only.
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  /** Signed LEB128 of a whole number of up to 53 bits. */
  signed(value: number): void {
    this.#reserve(8);
    let rest = value;
    for (; rest >= 0x40 || rest < -0x40; rest = Math.floor(rest / 0x80)) {
      this.#bytes[this.#length++] = (rest - Math.floor(rest / 0x80) * 0x80) | 0x80;
    }
    this.#bytes[this.#length++] = rest & 0x7f;
  }

  /** IEEE 754 with 64 bits, little endian. */
  float(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** UTF-8, without its length. @returns how many bytes it has */
  text(text: string): number {
    this.#reserve(3 * text.length);
    const bytes = this.#bytes.write(text, this.#length);
    this.#length += bytes;
    return bytes;
  }

  /** UTF-8 after its length. */
  prefixedText(text: string): void {
    this.unsigned(Buffer.byteLength(text));
    this.text(text);
  }

  hex(hex: string): void {
    this.#reserve(hex.length / 2);
    this.#length += this.#bytes.write(hex, this.#length, 'hex');
  }

  prefixedHex(hex: string): void {
    this.unsigned(hex.length / 2);
    this.hex(hex);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.written);
    this.#bytes = larger;
  }
}
