/** Files with one JSON value per line: appending so that a crash can only damage the last line, and reading them back. */
import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { setInterval, clearInterval } from "node:timers";

const NEWLINE = 0x0a;
const READ_BYTES = 1 << 20;
/** What survives a killed process at once survives a power failure after this time. */
const SYNC_INTERVAL_MS = 1_000;

export interface Line {
  value: unknown;
  /** Offset just behind the line. */
  end: number;
}

/**
 * Reads as far as lines are complete.
 *
 * @param allowTornEnd whether the file may end in the middle of a line, which a crash while it was written explains.
 * @throws if anything else is not JSON: then the file was damaged by something that this code cannot know about.
 */
export async function* readJsonLines(path: string, allowTornEnd: boolean): AsyncGenerator<Line> {
  const file = await open(path, "r");
  try {
    const chunk = Buffer.alloc(READ_BYTES);
    let rest: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES, null);
      if (bytesRead === 0) break;
      const bytes = Buffer.from(chunk.subarray(0, bytesRead));
      let start = 0;
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, start)) {
        const line = Buffer.concat([...rest, bytes.subarray(start, at)]);
        rest = [];
        start = at + 1;
        offset += line.byteLength + 1;
        yield { value: parse(line, path, offset), end: offset };
      }
      if (start < bytes.byteLength) rest.push(bytes.subarray(start));
    }
    if (rest.length > 0 && !allowTornEnd) throw damaged(path, offset);
  } finally {
    await file.close();
  }
}

/** An open file that lines are appended to. */
export class JsonLinesWriter {
  private readonly descriptor: number;
  private readonly syncTimer: NodeJS.Timeout;
  private isUnsynced = false;

  /** @param size of the file as far as it is good; what is behind it is cut off. */
  constructor(
    path: string,
    private size: number,
  ) {
    this.descriptor = openSync(path, "a", 0o600);
    ftruncateSync(this.descriptor, size);
    this.syncTimer = setInterval(() => this.syncLater(), SYNC_INTERVAL_MS).unref();
  }

  get bytes(): number {
    return this.size;
  }

  /**
   * On return the line is with the operating system, so that it survives whatever happens to this process.
   *
   * @throws if it could not be written; then nothing of it is in the file.
   */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    try {
      for (let written = 0; written < bytes.byteLength;) {
        written += writeSync(this.descriptor, bytes, written);
      }
    } catch (error) {
      ftruncateSync(this.descriptor, this.size);
      throw error;
    }
    this.size += bytes.byteLength;
    this.isUnsynced = true;
  }

  close(): void {
    clearInterval(this.syncTimer);
    closeSync(this.descriptor);
  }

  private syncLater(): void {
    if (!this.isUnsynced) return;
    this.isUnsynced = false;
    // A failure shows at the next append, which reports it to whoever is waiting.
    fdatasync(this.descriptor, () => undefined);
  }
}

function parse(line: Buffer, path: string, end: number): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    throw damaged(path, end);
  }
}

function damaged(path: string, offset: number): Error {
  return new Error(
    `${path} is damaged near byte ${offset}: this is not what an interrupted write leaves. ` +
      "Restore the data directory from a copy, or remove it to start empty.",
  );
}
