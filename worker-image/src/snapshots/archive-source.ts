/** Opens an archive, wherever it is, as a stream of decompressed bytes with a bound on input and time. */
import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ArchiveRejected } from "./archive-rejected.js";
import type { ArchiveLimits } from "./limits.js";

/** A file's path, the bytes themselves, or a stream of them; gzip or not. */
export type ArchiveSource = string | Uint8Array | Readable;

export type OpenArchive = { bytes: AsyncIterable<Uint8Array>; close: () => void };

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError("The archive stream must deliver bytes; do not set an encoding on it.");
}

function openSource(source: ArchiveSource): Readable {
  if (typeof source === "string") return createReadStream(source);
  if (source instanceof Readable) return source;
  return Readable.from([source], { objectMode: false });
}

async function* limited(input: Readable, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of input) {
    const part = toBytes(chunk);
    bytes += part.length;
    if (bytes > maxBytes) {
      throw new ArchiveRejected("too_many_bytes", `The archive file has more than ${maxBytes} bytes.`);
    }
    yield part;
  }
}

/** Reads ahead until two bytes are there: enough to tell a gzip file. */
async function peek(chunks: AsyncGenerator<Uint8Array>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  yield* rest;
}

/**
 * Opens `source`. Exactly one layer of gzip is taken off. Errors of the source itself (a missing file, a broken
 * connection) come through as they are; only a damaged archive is an {@link ArchiveRejected}.
 *
 * @throws ArchiveRejected
 */
export async function openArchive(source: ArchiveSource, limits: ArchiveLimits): Promise<OpenArchive> {
  const input = openSource(source);
  const open: Readable[] = [];
  const guard = (stream: Readable) => {
    // An error may come before anyone reads; the reader is told later, but without a listener it would end the process.
    stream.on("error", () => {});
    open.push(stream);
  };
  guard(input);
  const timer = setTimeout(() => {
    const late = new ArchiveRejected("too_slow", `Reading the archive took more than ${limits.maxMilliseconds} ms.`);
    for (const stream of open) stream.destroy(late);
  }, limits.maxMilliseconds);
  const close = () => {
    clearTimeout(timer);
    for (const stream of open) stream.destroy();
  };

  try {
    const compressed = limited(input, limits.maxArchiveBytes);
    const head = await peek(compressed);
    if (head[0] !== 0x1f || head[1] !== 0x8b) return { bytes: joined(head, compressed), close };
    const gunzip = createGunzip();
    guard(gunzip);
    // Errors reach the reader through `gunzip`, which `pipeline` destroys with them.
    pipeline(Readable.from(joined(head, compressed)), gunzip, () => {});
    return { bytes: inflated(gunzip), close };
  } catch (error) {
    close();
    throw error;
  }
}

async function* inflated(gunzip: Readable): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of gunzip) yield toBytes(chunk);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") throw error;
    if (error.code === "Z_BUF_ERROR")
      throw new ArchiveRejected("truncated", "The archive ends in the middle: it was cut off.");
    if (error.code.startsWith("Z_"))
      throw new ArchiveRejected("malformed", "The archive is damaged: its gzip layer does not check out.");
    throw error;
  }
}
