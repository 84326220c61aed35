/** Unpacks a snapshot, all or nothing: into a fresh folder beside the target, which takes its place when all is well. */
import { chmod, copyFile, lutimes, mkdir, open, rm, stat, symlink, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ArchiveRejected } from "./archive-rejected.js";
import { openArchive, type ArchiveSource } from "./archive-source.js";
import { ExtractionPlan, type PlannedEntry } from "./extraction-plan.js";
import { DEFAULT_ARCHIVE_LIMITS, type ArchiveLimits } from "./limits.js";
import { createSibling, replaceDirectory } from "./replace-directory.js";
import { readTar } from "./tar-reader.js";

export { ArchiveRejected } from "./archive-rejected.js";
export type { ArchiveRejection } from "./archive-rejected.js";
export type { ArchiveSource } from "./archive-source.js";
export type { ArchiveLimits } from "./limits.js";

export type ExtractedArchive = { entries: number; fileBytes: number };

/** What the owner needs to work with a folder, and to pack it again. */
const FOLDER_FLOOR = 0o700;
const FILE_FLOOR = 0o400;

/**
 * Makes `targetDir` hold exactly what the archive (tar, usually inside gzip) holds.
 *
 * Nothing of the archive is believed: paths and links that lead out of the folder, devices, oversized and damaged
 * archives are refused. Owners are ignored, special permission bits dropped. Hard links become copies.
 *
 * @param source path of a file, its bytes, or a stream of them
 * @param targetDir replaced as a whole; need not exist; must not be a mount point
 * @param limits overrides of the default limits
 * @throws ArchiveRejected when the archive is refused; other errors (disk full, source broken) as they come. In every
 *   case `targetDir` is then what it was before.
 */
export async function extractArchive(
  source: ArchiveSource,
  targetDir: string,
  limits: Partial<ArchiveLimits> = {},
): Promise<ExtractedArchive> {
  const effective = { ...DEFAULT_ARCHIVE_LIMITS, ...limits };
  const target = resolve(targetDir);
  const archive = await openArchive(source, effective);
  try {
    const incoming = await createSibling(target);
    try {
      const extracted = await extractInto(incoming, archive.bytes, effective);
      await replaceDirectory(target, incoming);
      return extracted;
    } finally {
      // Gone already when it has taken the target's place.
      await rm(incoming, { recursive: true, force: true });
    }
  } finally {
    archive.close();
  }
}

async function extractInto(
  root: string,
  bytes: AsyncIterable<Uint8Array>,
  limits: ArchiveLimits,
): Promise<ExtractedArchive> {
  const plan = new ExtractionPlan(limits);
  const folders: Extract<PlannedEntry, { kind: "directory" }>[] = [];
  const at = (path: readonly string[]) => join(root, ...path);
  let entries = 0;
  let fileBytes = 0;

  for await (const entry of readTar(bytes, limits)) {
    entries++;
    for (const planned of plan.admit(entry)) {
      switch (planned.kind) {
        case "directory":
          await mkdir(at(planned.path), { recursive: true, mode: FOLDER_FLOOR });
          folders.push(planned);
          break;
        case "file":
          fileBytes += await writeFile(at(planned.path), planned, entry.body);
          break;
        case "copy":
          fileBytes += (await stat(at(planned.from))).size;
          // Copies are not in the archive's own size, so they could multiply it.
          if (fileBytes > limits.maxTotalBytes) {
            throw new ArchiveRejected("too_many_bytes", `The archive holds more than ${limits.maxTotalBytes} bytes.`);
          }
          await copyFile(at(planned.from), at(planned.path));
          break;
        case "symlink":
          break;
      }
    }
  }

  for (const link of plan.safeLinks()) {
    await symlink(link.target, at(link.path));
    await lutimes(at(link.path), link.mtimeSeconds, link.mtimeSeconds);
  }
  // Deepest first and last of all, because work inside a folder changes its time. A later mention of the same folder
  // (an implied one that is then named) overrules the first.
  for (const folder of folders.toSorted((a, b) => b.path.length - a.path.length)) {
    await chmod(at(folder.path), folder.mode | FOLDER_FLOOR);
    if (folder.mtimeSeconds !== null) await utimes(at(folder.path), folder.mtimeSeconds, folder.mtimeSeconds);
  }
  return { entries, fileBytes };
}

async function writeFile(
  path: string,
  planned: { mode: number; mtimeSeconds: number },
  body: AsyncIterable<Uint8Array>,
): Promise<number> {
  // "wx": the file must be new, and a link in its place is never followed.
  const file = await open(path, "wx", planned.mode | FILE_FLOOR);
  try {
    let bytes = 0;
    for await (const part of body) {
      for (let written = 0; written < part.length;) {
        written += (await file.write(part, written)).bytesWritten;
      }
      bytes += part.length;
    }
    await file.utimes(planned.mtimeSeconds, planned.mtimeSeconds);
    return bytes;
  } finally {
    await file.close();
  }
}
