/** Reads exact amounts from a stream of chunks, without copying more than it must and with a bound on the whole. */
import { ArchiveRejected } from "./archive-rejected.js";

export class ByteReader {
  private rest: Uint8Array = new Uint8Array(0);
  private readonly chunks: AsyncIterator<Uint8Array>;
  private bytesSeen = 0;

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    private readonly maxBytes: number,
  ) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** At most `wanted` bytes, at least one; `null` at the end of the stream. */
  async readSome(wanted: number): Promise<Uint8Array | null> {
    while (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) return null;
      this.rest = next.value;
      this.bytesSeen += next.value.length;
      if (this.bytesSeen > this.maxBytes) {
        throw new ArchiveRejected("too_many_bytes", `The archive holds more than ${this.maxBytes} bytes.`);
      }
    }
    const part = this.rest.subarray(0, wanted);
    this.rest = this.rest.subarray(part.length);
    return part;
  }

  /** Exactly `wanted` bytes, or `null` when the stream ends right here. */
  async readExactly(wanted: number): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    let missing = wanted;
    while (missing > 0) {
      const part = await this.readSome(missing);
      if (part === null) {
        if (parts.length === 0) return null;
        throw truncated();
      }
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  /** Reads and forgets `wanted` bytes. */
  async skip(wanted: number): Promise<void> {
    for (let missing = wanted; missing > 0;) {
      const part = await this.readSome(missing);
      if (part === null) throw truncated();
      missing -= part.length;
    }
  }
}

export const truncated = () => new ArchiveRejected("truncated", "The archive ends in the middle: it was cut off.");
