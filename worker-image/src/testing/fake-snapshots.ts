/** Uploads of snapshots and the pointers to the current ones in memory, as the backend checks them. For tests of the worker. */
import { agentFactoryError } from "../../../src/shared/errors.js";
import type { SnapshotForRestore, WorkerArgs } from "../../../src/shared/worker-protocol.js";
import type { FakeStorage } from "./fake-storage.js";

type Upload = { conversationId: string; generation: number; reason: string; storageId?: string; status: string };

const rejected = (why: string) => agentFactoryError("snapshot_rejected", why);

export class FakeSnapshots {
  readonly pointers = new Map<string, { snapshotId: string; storageId: string; generation: number }>();
  readonly uploads = new Map<string, Upload>();

  constructor(private readonly storage: FakeStorage) {}

  prepare({ conversationId, generation, reason }: Pick<Upload, "conversationId" | "generation" | "reason">) {
    const snapshotId = `snapshot-${this.uploads.size + 1}`;
    this.uploads.set(snapshotId, { conversationId, generation, reason, status: "uploading" });
    return { snapshotId, uploadUrl: this.storage.uploadUrl(), expiresAt: 0 };
  }

  finalize({ snapshotId, storageId, sha256, sizeBytes }: WorkerArgs<"workerFinalizeSnapshotUpload">): true {
    const [upload, file] = [this.uploads.get(snapshotId), this.storage.files.get(storageId)];
    if (upload?.status === "ready" && upload.storageId === storageId) return true;
    if (upload?.status !== "uploading" || file?.sha256 !== sha256 || file.bytes.length !== sizeBytes) {
      throw rejected("Size or checksum differ.");
    }
    Object.assign(upload, { status: "ready", storageId });
    if (upload.reason !== "checkpoint") this.point(snapshotId, upload);
    return true;
  }

  fail(snapshotId: string): boolean {
    const upload = this.uploads.get(snapshotId);
    if (upload?.status !== "uploading") return false;
    upload.status = "failed";
    return true;
  }

  /** Makes a finished upload of this very turn current. */
  commit(snapshotId: string, generation: number): void {
    const upload = this.uploads.get(snapshotId);
    if (upload?.status !== "ready" || upload.generation !== generation) {
      throw rejected("It is not a finished upload of this very turn.");
    }
    this.point(snapshotId, upload);
  }

  current(conversationId: string): SnapshotForRestore | null {
    const pointer = this.pointers.get(conversationId);
    if (pointer === undefined) return null;
    const file = this.storage.files.get(pointer.storageId);
    return {
      snapshotId: pointer.snapshotId,
      downloadUrl: this.storage.downloadUrl(pointer.storageId),
      sha256: file?.sha256 ?? "",
      sizeBytes: file?.bytes.length ?? 0,
      createdAt: 0,
    };
  }

  private point(snapshotId: string, { conversationId, generation, storageId = "" }: Upload): void {
    this.pointers.set(conversationId, { snapshotId, storageId, generation });
  }
}
