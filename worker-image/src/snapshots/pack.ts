/** Writes a scanned tree as a deterministic tar.gz file, hashing as it goes. */
import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack as tarPack, type Pack } from "tar-stream";
import { DEFAULT_ARCHIVE_LIMITS, type ArchiveLimits } from "./limits.js";
import { TreeChanged } from "./tree-changed.js";
import { openScanned, readChunks, TreeDigest } from "./tree-digest.js";
import { TreeTooLarge, type TreeEntry } from "./tree-scan.js";

export type PackedTree = {
  /** The archive; whoever asked for it removes it. */
  file: string;
  /** Of the archive, in hex. */
  sha256: string;
  sizeBytes: number;
  /** Of the tree that went into it, in hex: see {@link TreeDigest}. */
  treeDigest: string;
};

/** A user waits for the upload: this level costs half the time of the default and a few percent of size. */
const GZIP_LEVEL = 4;

/**
 * Packs `entries` of `root` into a new file in `temporaryDirectory`. The same tree with the same times gives the same bytes.
 *
 * @throws TreeChanged when a file changed since the scan; TreeTooLarge when the archive outgrows its limit
 */
export async function packTree(
  root: string,
  entries: readonly TreeEntry[],
  temporaryDirectory: string,
  limits: Pick<ArchiveLimits, "maxArchiveBytes"> = DEFAULT_ARCHIVE_LIMITS,
): Promise<PackedTree> {
  await mkdir(temporaryDirectory, { recursive: true });
  const file = join(temporaryDirectory, `snapshot-${randomBytes(8).toString("hex")}.tar.gz`);
  const sha256 = createHash("sha256");
  let sizeBytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      sha256.update(chunk);
      const isTooLarge = sizeBytes > limits.maxArchiveBytes;
      done(
        isTooLarge ? new TreeTooLarge(`The packed workspace has more than ${limits.maxArchiveBytes} bytes.`) : null,
        chunk,
      );
    },
  });

  const pack = tarPack();
  try {
    const [treeDigest] = await Promise.all([
      addEntries(pack, root, entries),
      pipeline(pack, createGzip({ level: GZIP_LEVEL }), meter, createWriteStream(file, { flags: "wx", mode: 0o600 })),
    ]);
    return { file, sha256: sha256.digest("hex"), sizeBytes, treeDigest };
  } catch (error) {
    pack.destroy();
    await rm(file, { force: true });
    throw error;
  }
}

async function addEntries(pack: Pack, root: string, entries: readonly TreeEntry[]): Promise<string> {
  try {
    const digest = new TreeDigest();
    for (const entry of entries) digest.add(entry, await addEntry(pack, root, entry));
    pack.finalize();
    return digest.value();
  } catch (error) {
    // The pipeline behind `pack` must not wait for entries that will never come.
    pack.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** Adds one entry and returns the SHA-256 of its content, or `null` when it has none. */
async function addEntry(pack: Pack, root: string, entry: TreeEntry): Promise<string | null> {
  const header = {
    name: entry.path,
    mode: entry.mode,
    mtime: new Date(entry.mtimeSeconds * 1000),
    uid: 0,
    gid: 0,
  };
  if (entry.kind !== "file") {
    const link = entry.kind === "symlink" ? { linkname: entry.target } : {};
    const { promise: added, settle } = settledByCallback();
    pack.entry({ ...header, ...link, type: entry.kind }, settle).on("error", toldToCallback);
    await added;
    return null;
  }

  const content = createHash("sha256");
  const { bytes } = await openScanned(root, entry);
  const { promise: added, settle } = settledByCallback();
  let seen = 0;
  try {
    const sink = pack.entry({ ...header, type: "file", size: entry.sizeBytes }, settle);
    sink.on("error", toldToCallback);
    if (bytes !== null) {
      for await (const chunk of readChunks(bytes)) {
        seen += chunk.length;
        content.update(chunk);
        // A destroyed archive never drains, but its entry then fails.
        if (!sink.write(chunk)) await Promise.race([once(sink, "drain"), added]);
      }
    }
    if (seen !== entry.sizeBytes) {
      throw new TreeChanged(`A file changed while the workspace was being saved: ${entry.path}`);
    }
    sink.end(null);
  } finally {
    // An archive that has been destroyed takes no entry: nobody has read the file then.
    bytes?.destroy();
  }
  await added;
  return content.digest("hex");
}

/** Without a listener of its own for the same error, the end of an archive would be the end of the process. */
const toldToCallback = () => {};

function settledByCallback(): { promise: Promise<void>; settle: (error?: Error | null) => void } {
  let settle: (error?: Error | null) => void = () => {};
  const promise = new Promise<void>((done, failed) => {
    settle = (error) => {
      if (error) failed(error);
      else done();
    };
  });
  // Its failure may arrive before anyone waits for it; whoever waits later still gets it.
  promise.catch(() => {});
  return { promise, settle };
}
