/** One hash for the content of a whole tree, so that an unchanged workspace is recognized and not uploaded again. */
import { createHash } from "node:crypto";
import { constants, type ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isDenied } from "../locked-folders.js";
import { TreeChanged } from "./tree-changed.js";
import type { TreeEntry } from "./tree-scan.js";

/** Opens a scanned file for reading exactly the bytes that were there at the scan; never through a link. */
export async function openScanned(
  root: string,
  entry: Extract<TreeEntry, { kind: "file" }>,
): Promise<{ bytes: ReadStream | null }> {
  const path = join(root, entry.path);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: unknown) => {
    if (isDenied(cause)) throw cause;
    throw new TreeChanged(`A file vanished while the workspace was being saved: ${entry.path}`, { cause });
  });
  const found = await file.stat();
  if (!found.isFile() || found.size !== entry.sizeBytes) {
    await file.close();
    throw new TreeChanged(`A file changed while the workspace was being saved: ${entry.path}`);
  }
  if (entry.sizeBytes === 0) {
    await file.close();
    return { bytes: null };
  }
  return { bytes: file.createReadStream({ start: 0, end: entry.sizeBytes - 1 }) };
}

/** Collects entries in order; equal trees give equal digests, whatever their times, owners and umask. */
export class TreeDigest {
  private readonly hash = createHash("sha256");

  /** @param contentSha256 hex, for files */
  add(entry: TreeEntry, contentSha256: string | null): void {
    const what =
      entry.kind === "file"
        ? // Of a file's permissions only "can be run" is the same on every machine.
          [entry.path, "file", (entry.mode & 0o100) !== 0, entry.sizeBytes, contentSha256]
        : [entry.path, entry.kind, entry.kind === "symlink" ? entry.target : null];
    this.hash.update(JSON.stringify(what) + "\n");
  }

  /** Hex. */
  value(): string {
    return this.hash.digest("hex");
  }
}

/**
 * Reads every file once and returns the digest of the tree, in hex.
 *
 * @throws TreeChanged
 */
export async function digestTree(root: string, entries: readonly TreeEntry[]): Promise<string> {
  const digest = new TreeDigest();
  for (const entry of entries) {
    if (entry.kind !== "file") {
      digest.add(entry, null);
      continue;
    }
    const content = createHash("sha256");
    const { bytes } = await openScanned(root, entry);
    if (bytes !== null) for await (const chunk of readChunks(bytes)) content.update(chunk);
    digest.add(entry, content.digest("hex"));
  }
  return digest.value();
}

/** The chunks of a file, as bytes. */
export async function* readChunks(bytes: ReadStream): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    if (Buffer.isBuffer(chunk)) yield chunk;
  }
}
