/** Decides, entry by entry, what an archive may put where, and at its end which of its links are safe. Pure. */
import { ArchiveRejected, displayName, type ArchiveRejection } from "./archive-rejected.js";
import { parseEntryPath } from "./entry-path.js";
import type { ArchiveLimits } from "./limits.js";
import { tooManyEntries, type TarEntry } from "./tar-reader.js";
import { judgeLink, type TreeNode } from "./tree-model.js";

/** Permission bits that survive: no setuid, setgid or sticky bit, and nobody but the owner may write. */
export const KEPT_MODE_BITS = 0o755;

/** The latest time a plain tar header can state (the year 2242); file systems refuse what is far beyond it. */
export const LATEST_MTIME_SECONDS = 8 ** 11 - 1;

export type PlannedEntry =
  /** A folder that only the path of another entry implied has no time of its own. */
  | { kind: "directory"; path: readonly string[]; mode: number; mtimeSeconds: number | null }
  | { kind: "file"; path: readonly string[]; mode: number; mtimeSeconds: number }
  | { kind: "copy"; path: readonly string[]; from: readonly string[] }
  | { kind: "symlink"; path: readonly string[]; target: string; mtimeSeconds: number };

/** What an archive holds so far. Symbolic links are only noted: made last, they can never be written through. */
export class ExtractionPlan {
  private readonly nodes = new Map<string, TreeNode>();
  private readonly explicit = new Set<string>();
  /** Names as a file system that unifies Unicode forms would see them. */
  private readonly canonical = new Map<string, string>();
  private readonly links: Extract<PlannedEntry, { kind: "symlink" }>[] = [];
  private entries = 0;

  constructor(private readonly limits: ArchiveLimits) {}

  /**
   * Admits one entry: first the folders it needs that no entry has named, then the entry itself. The root is `[]`.
   *
   * @throws ArchiveRejected
   */
  admit(entry: Omit<TarEntry, "body">): PlannedEntry[] {
    if (++this.entries > this.limits.maxEntries) throw tooManyEntries(this.limits);
    const path = parseEntryPath(entry.name, this.limits);
    const refuse = (reason: ArchiveRejection, what: string) =>
      new ArchiveRejected(reason, `The entry ${displayName(entry.name)} ${what}.`, displayName(entry.name));

    const key = path.join("/");
    if (path.length === 0 && entry.kind !== "directory") throw refuse("name_empty", "has no name");
    const existing = this.nodes.get(key);
    const isImpliedFolder = existing?.kind === "directory" && entry.kind === "directory";
    if (this.explicit.has(key) || (existing !== undefined && !isImpliedFolder)) {
      throw refuse("duplicate_entry", "occurs more than once");
    }
    for (let length = 1; length <= path.length; length++) {
      const named = path.slice(0, length).join("/");
      const canonical = named.normalize("NFC");
      if ((this.canonical.get(canonical) ?? named) !== named) {
        throw refuse("duplicate_entry", "differs from another entry only in the Unicode form of its name");
      }
      this.canonical.set(canonical, named);
    }
    const planned = this.admitParents(path, refuse);
    this.explicit.add(key);

    const mtimeSeconds = Math.min(entry.mtimeSeconds, LATEST_MTIME_SECONDS);
    const mode = entry.mode & KEPT_MODE_BITS;
    switch (entry.kind) {
      case "directory":
        if (path.length > 0) this.nodes.set(key, { kind: "directory" });
        planned.push({ kind: "directory", path, mode, mtimeSeconds });
        break;
      case "file":
        this.nodes.set(key, { kind: "file" });
        planned.push({ kind: "file", path, mode, mtimeSeconds });
        break;
      case "hardlink": {
        const from = parseEntryPath(entry.linkTarget, this.limits);
        // Exactly one file of this archive, reached through real folders only: nothing else can be shared safely.
        if (this.nodes.get(from.join("/"))?.kind !== "file") {
          throw refuse("hardlink_invalid", "is a hard link to something that is not an earlier file of the archive");
        }
        this.nodes.set(key, { kind: "file" });
        planned.push({ kind: "copy", path, from });
        break;
      }
      case "symlink":
        this.nodes.set(key, { kind: "symlink", target: entry.linkTarget });
        this.links.push({ kind: "symlink", path, target: entry.linkTarget, mtimeSeconds });
        break;
    }
    return planned;
  }

  /**
   * The links to make when everything else is in place.
   *
   * @throws ArchiveRejected when one of them, followed through all the others, could leave the root.
   */
  safeLinks(): readonly Extract<PlannedEntry, { kind: "symlink" }>[] {
    for (const link of this.links) {
      const name = displayName(link.path.join("/"));
      const verdict = judgeLink(this.nodes, link.path, link.target);
      if (verdict === "escape") {
        throw new ArchiveRejected("link_escape", `The symbolic link ${name} leads out of the folder.`, name);
      }
      if (verdict === "loop") {
        throw new ArchiveRejected("link_loop", `The symbolic link ${name} leads round in a circle.`, name);
      }
    }
    return this.links;
  }

  private admitParents(
    path: readonly string[],
    refuse: (reason: ArchiveRejection, what: string) => ArchiveRejected,
  ): PlannedEntry[] {
    const planned: PlannedEntry[] = [];
    for (let length = 1; length < path.length; length++) {
      const parent = path.slice(0, length);
      const key = parent.join("/");
      const node = this.nodes.get(key);
      if (node === undefined) {
        // Folders nobody names cost a disk as much as named ones.
        if (++this.entries > this.limits.maxEntries) throw tooManyEntries(this.limits);
        this.nodes.set(key, { kind: "directory" });
        planned.push({ kind: "directory", path: parent, mode: KEPT_MODE_BITS, mtimeSeconds: null });
      } else if (node.kind !== "directory") {
        throw refuse("parent_not_directory", "lies below something that is not a folder");
      }
    }
    return planned;
  }
}
