/** One conversation's folder: brought to the state a turn must start from, marked while a turn changes it, committed after. */
import { lstat, mkdir } from "node:fs/promises";
import type { SnapshotForRestore } from "../../../src/shared/worker-protocol.js";
import { makeRealFolder } from "../real-folder.js";
import { createSibling, replaceDirectory } from "../snapshots/replace-directory.js";
import { digestTree } from "../snapshots/tree-digest.js";
import { scanTree, type Excludes } from "../snapshots/tree-scan.js";
import { readRecord, removeRecord, writeRecord, type WorkspaceRecord } from "./record.js";
import type { ConversationPaths } from "./paths.js";

/** Replaces a folder by the content of a snapshot, all or nothing. */
export type RestoreSnapshot = (snapshot: SnapshotForRestore, root: string) => Promise<void>;

export class Workspace {
  private record: WorkspaceRecord | null = null;
  /** The folder has been compared with its record in this process; before that a power cut may have torn it. */
  private isVerified = false;

  constructor(
    readonly conversationId: string,
    readonly paths: ConversationPaths,
    /** What of the folder no snapshot holds. */
    readonly excludes: Excludes,
  ) {}

  /** The tree digest of the last commit or restore: what the folder held before the turn that is running. */
  get digestBeforeTurn(): string | null {
    return this.record?.treeDigest ?? null;
  }

  /** Whether the folder is based on a committed state that nothing has since put in doubt. */
  get isClean(): boolean {
    return this.record?.isDirty === false;
  }

  get generation(): number | null {
    return this.record?.generation ?? null;
  }

  /**
   * Makes the folder hold exactly `snapshot` (`null`: nothing), using what is there if it is that already.
   *
   * @param beforeReplacing called when the folder has to be replaced, to end whatever still uses it
   * @returns whether it was replaced
   */
  async prepare(
    snapshot: SnapshotForRestore | null,
    generation: number,
    restore: RestoreSnapshot,
    beforeReplacing: () => Promise<void>,
  ): Promise<"kept" | "restored" | "emptied"> {
    const snapshotId = snapshot?.snapshotId ?? null;
    const record = this.record ?? (await readRecord(this.paths.record));
    if (record !== null && (await this.isExactly(record, snapshotId))) {
      await this.write({ ...record, generation, usedAt: Date.now() });
      await this.makeFolders();
      return "kept";
    }
    await beforeReplacing();
    // From here on the folder is nobody's: a crash leaves no record that could vouch for half a restore.
    this.record = null;
    await removeRecord(this.paths.record);
    await makeRealFolder(this.paths.root);
    if (snapshot === null) {
      await replaceDirectory(this.paths.root, await createSibling(this.paths.root));
    } else {
      await restore(snapshot, this.paths.root);
    }
    this.isVerified = true;
    await this.makeFolders();
    await this.write({
      version: 1,
      conversationId: this.conversationId,
      snapshotId,
      treeDigest: await this.digest(),
      generation,
      isDirty: false,
      usedAt: Date.now(),
    });
    return snapshot === null ? "emptied" : "restored";
  }

  /** Before a turn: until {@link commit}, whatever happens, the folder will not be used again as it is. */
  async markDirty(): Promise<void> {
    if (this.record !== null) await this.write({ ...this.record, isDirty: true });
  }

  /**
   * After the backend has accepted the turn. `snapshotId` is that of the upload; `null` when nothing had changed, so that
   * the folder still is the snapshot it was.
   */
  async commit(treeDigest: string, snapshotId: string | null): Promise<void> {
    if (this.record === null) return;
    await this.write({
      ...this.record,
      treeDigest,
      snapshotId: snapshotId ?? this.record.snapshotId,
      isDirty: false,
      usedAt: Date.now(),
    });
  }

  private async isExactly(record: WorkspaceRecord, snapshotId: string | null): Promise<boolean> {
    if (record.conversationId !== this.conversationId || record.isDirty || record.snapshotId !== snapshotId)
      return false;
    if ((await lstat(this.paths.root).catch(() => null))?.isDirectory() !== true) return false;
    if (!this.isVerified && (await this.digest().catch(() => null)) !== record.treeDigest) return false;
    this.isVerified = true;
    return true;
  }

  private async digest(): Promise<string> {
    const { entries } = await scanTree(this.paths.root, this.excludes);
    return await digestTree(this.paths.root, entries);
  }

  private async makeFolders(): Promise<void> {
    for (const folder of [this.paths.workspace, this.paths.state]) await makeRealFolder(folder);
    await mkdir(this.paths.temporary, { recursive: true, mode: 0o700 });
  }

  private async write(record: WorkspaceRecord): Promise<void> {
    await writeRecord(this.paths.record, record);
    this.record = record;
  }
}
