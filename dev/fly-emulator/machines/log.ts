/** The last output of one machine, bounded in bytes; older output falls off at the front. */

export class MachineLog {
  private chunks: Buffer[] = [];
  private size = 0;

  constructor(private readonly maxBytes: number) {}

  append(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size > this.maxBytes) {
      const [first] = this.chunks;
      if (first === undefined) return;
      const excess = this.size - this.maxBytes;
      if (first.length <= excess) this.chunks.shift();
      else this.chunks[0] = first.subarray(excess);
      this.size -= Math.min(first.length, excess);
    }
  }

  /** A line of the emulator's own, marked as such. */
  note(text: string): void {
    this.append(Buffer.from(`[fly-emulator] ${text}\n`));
  }

  text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }
}
