/** Lists what of a folder belongs into a snapshot, in a fixed order, and names what has to stay behind. */
import { lstat, readdir, readlink } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { systemCode } from "../disk-failure.js";
import { ArchiveRejected, displayName } from "./archive-rejected.js";
import { parseEntryPath } from "./entry-path.js";
import { KEPT_MODE_BITS } from "./extraction-plan.js";
import { DEFAULT_ARCHIVE_LIMITS, type ArchiveLimits } from "./limits.js";
import { TreeChanged } from "./tree-changed.js";
import { judgeLink, type TreeNode } from "./tree-model.js";

type Common = {
  /** Path below the root, parts joined by `/`. */
  path: string;
  mode: number;
  mtimeSeconds: number;
};
export type TreeEntry =
  | (Common & { kind: "directory" })
  | (Common & { kind: "file"; sizeBytes: number })
  | (Common & { kind: "symlink"; target: string });

/** Something that was left out, and why. Never silently: a caller logs these. */
export type SkippedEntry = { path: string; why: string };

export type ScannedTree = { entries: TreeEntry[]; skipped: SkippedEntry[]; fileBytes: number };

/** Thrown when a folder is too large to become a snapshot; the message is fit for the user whose agent filled it. */
export class TreeTooLarge extends Error {
  override readonly name = "TreeTooLarge";
}

/** tar-stream writes times as 32-bit integers. */
const LATEST_MTIME_SECONDS = 2 ** 31 - 1;

/** A log line per socket would be a flood; the rest is a number. */
const MAX_SKIPPED_REPORTED = 100;

/** Names are compared by their bytes, the same on every machine and in every locale. */
const byteOrder = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** What to leave out: `paths` below the root, each with everything in it, and `names` wherever they occur. */
export type Excludes = { paths: readonly string[]; names: readonly string[] };

export const NO_EXCLUDES: Excludes = { paths: [], names: [] };

export function isExcluded(path: string, excludes: Excludes): boolean {
  return (
    excludes.paths.some((excluded) => path === excluded || path.startsWith(`${excluded}/`)) ||
    path.split("/").some((part) => excludes.names.includes(part))
  );
}

/** Bytes an entry may take in the archive besides its content: its header, and an extended one for long names. */
const HEADER_BYTES = 2_048;

/**
 * Scans `root`. Sockets, devices, links out of the folder and names no other machine could take are skipped.
 *
 * @throws TreeTooLarge
 */
export async function scanTree(
  root: string,
  excludes: Excludes = NO_EXCLUDES,
  limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
): Promise<ScannedTree> {
  const scan = new Scan(resolve(root), excludes, limits);
  await scan.folder([]);
  return scan.result();
}

class Scan {
  private readonly entries: TreeEntry[] = [];
  private readonly skipped: SkippedEntry[] = [];
  private readonly canonicalPaths = new Set<string>();
  private fileBytes = 0;
  private archiveBytes = 0;

  constructor(
    private readonly root: string,
    private readonly excludes: Excludes,
    private readonly limits: ArchiveLimits,
  ) {}

  async folder(parent: readonly string[]): Promise<void> {
    for (const name of (await this.names(parent)).sort(byteOrder)) {
      const parts = [...parent, name];
      const path = parts.join("/");
      if (isExcluded(path, this.excludes)) continue;
      const why = this.unsafeName(path, name);
      if (why !== null) this.skip(path, why);
      else await this.entry(parts, path);
    }
  }

  private async names(parent: readonly string[]): Promise<string[]> {
    try {
      return await readdir(join(this.root, ...parent));
    } catch (error) {
      const isGone = ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "");
      if (!isGone || parent.length === 0) throw error;
      throw new TreeChanged(`A folder vanished while the workspace was being saved: ${parent.join("/")}`);
    }
  }

  private unsafeName(path: string, name: string): string | null {
    // What Node could not decode comes back with replacement characters, under which the file cannot be opened.
    if (name.includes("\ufffd")) return "its name is not valid UTF-8";
    const canonical = path.normalize("NFC");
    if (this.canonicalPaths.has(canonical)) return "another name differs from it only in its Unicode form";
    try {
      parseEntryPath(path, this.limits);
      this.canonicalPaths.add(canonical);
      return null;
    } catch (error) {
      if (error instanceof ArchiveRejected) return `its name cannot be saved (${error.reason})`;
      throw error;
    }
  }

  private async entry(parts: readonly string[], path: string): Promise<void> {
    const found = await lstat(join(this.root, ...parts)).catch(() => null);
    // Removed between the listing and now: as if it had never been there.
    if (found === null) return;
    const mtimeSeconds = Math.min(Math.max(0, Math.floor(found.mtimeMs / 1000)), LATEST_MTIME_SECONDS);
    const common = { path, mode: found.mode & KEPT_MODE_BITS, mtimeSeconds };

    if (found.isDirectory()) {
      this.add({ ...common, kind: "directory", mode: common.mode | 0o700 });
      await this.folder(parts);
    } else if (found.isFile()) {
      this.add({ ...common, kind: "file", sizeBytes: found.size });
    } else if (found.isSymbolicLink()) {
      this.add({ ...common, kind: "symlink", mode: 0o755, target: await this.portableTarget(parts) });
    } else {
      this.skip(path, "it is neither a file nor a folder nor a link");
    }
  }

  /** An absolute link into the tree would point somewhere else after a move; as a relative one it stays true. */
  private async portableTarget(parts: readonly string[]): Promise<string> {
    const link = join(this.root, ...parts);
    const target = await readlink(link);
    if (!target.startsWith("/")) return target;
    const isInside = target === this.root || target.startsWith(this.root + sep);
    return isInside ? relative(dirname(link), target) || "." : target;
  }

  private add(entry: TreeEntry): void {
    this.entries.push(entry);
    const size = entry.kind === "file" ? entry.sizeBytes : 0;
    this.fileBytes += size;
    const target = entry.kind === "symlink" ? entry.target : "";
    this.archiveBytes += HEADER_BYTES + Buffer.byteLength(entry.path + target) + size;
    if (this.entries.length > this.limits.maxEntries) {
      throw new TreeTooLarge(`The workspace holds more than ${this.limits.maxEntries} files and folders.`);
    }
    if (this.archiveBytes > this.limits.maxTotalBytes) {
      throw new TreeTooLarge(`The files of the workspace have more than ${this.limits.maxTotalBytes} bytes together.`);
    }
  }

  private skip(path: string, why: string): void {
    if (this.skipped.length < MAX_SKIPPED_REPORTED) this.skipped.push({ path: displayName(path), why });
  }

  result(): ScannedTree {
    const model = new Map<string, TreeNode>(this.entries.map((entry) => [entry.path, entry]));
    const entries = this.entries.filter((entry) => {
      if (entry.kind !== "symlink") return true;
      const verdict = judgeLink(model, entry.path.split("/"), entry.target);
      if (verdict === "inside") return true;
      this.skip(entry.path, verdict === "escape" ? "it is a link out of the workspace" : "it is a link in a circle");
      return false;
    });
    return { entries, skipped: this.skipped, fileBytes: this.fileBytes };
  }
}
