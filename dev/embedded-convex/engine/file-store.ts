/** The bytes of stored files, one file on disk each; what is known about them is in the `_storage` tables. */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Marks files that are still being written, or were when the process died. */
const PARTIAL_SUFFIX = ".partial";

export interface WrittenFile {
  uuid: string;
  size: number;
  sha256: Buffer;
  path: string;
}

export class FileStore {
  private constructor(private readonly directory: string) {}

  static async open(directory: string): Promise<FileStore> {
    await mkdir(directory, { recursive: true });
    return new FileStore(directory);
  }

  path(uuid: string): string {
    return join(this.directory, uuid);
  }

  /** Complete under its name before this resolves, so that a document never names a file that a crash has cut short. */
  async write(bytes: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
    const uuid = randomUUID();
    const path = this.path(uuid);
    const partial = `${path}${PARTIAL_SUFFIX}`;
    const hash = createHash("sha256");
    let size = 0;
    const measured = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of bytes) {
        hash.update(chunk);
        size += chunk.byteLength;
        yield chunk;
      }
    };
    try {
      await pipeline(Readable.from(measured(), { objectMode: false }), createWriteStream(partial));
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    return { uuid, size, sha256: hash.digest(), path };
  }

  async read(uuid: string): Promise<Buffer> {
    return await readFile(this.path(uuid));
  }

  /** A reader that has the file open keeps its bytes. */
  async delete(uuid: string): Promise<void> {
    await rm(this.path(uuid), { force: true });
  }

  /** Removes what no document names: files whose transaction rolled back or never came, and half-written ones. */
  async removeAllBut(uuids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (!uuids.has(name)) await rm(join(this.directory, name), { force: true });
    }
  }
}
