/** Saves a conversation's folder in the backend's storage: packs what changed, uploads it, has it checked. */
import { rm } from "node:fs/promises";
import type { Infer } from "convex/values";
import { isAgentFactoryError } from "../../../src/shared/errors.js";
import type { vSnapshotReason } from "../../../src/shared/worker-protocol.js";
import type { CallPolicy, WorkerSession } from "../backend/session.js";
import { isDenied, unlock } from "../locked-folders.js";
import { errorMessage, type Logger } from "../logger.js";
import { packTree, type PackedTree } from "../snapshots/pack.js";
import { TreeChanged } from "../snapshots/tree-changed.js";
import { digestTree } from "../snapshots/tree-digest.js";
import { scanTree, type Excludes, type ScannedTree } from "../snapshots/tree-scan.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { TransferFailed, uploadFile } from "./transfer.js";

export type SnapshotReason = Infer<typeof vSnapshotReason>;

export type CheckpointRequest = {
  conversationId: string;
  /** Of the newest lease this worker had on the conversation. */
  generation: number;
  reason: SnapshotReason;
  root: string;
  excludes: Excludes;
  /** What the backend's current snapshot holds, as far as known; equal means nothing to do. */
  committedDigest: string | null;
};

/** `snapshotId` is `null` when nothing had changed and nothing was uploaded. */
export type Checkpoint = { treeDigest: string; snapshotId: string | null };

/** Storage may hiccup; a turn that cannot save its work after this many tries fails, and is tried again as a whole. */
const MAX_UPLOADS = 3;
/** Something that still writes after being asked to stand still gets this many chances to finish. */
const MAX_SCANS = 3;
const RETRY = { baseMs: 500, factor: 3, capMs: 5_000, jitter: 0.25 };

export class Checkpointer {
  constructor(
    private readonly session: WorkerSession,
    private readonly temporaryDirectory: string,
    private readonly logger: Logger,
  ) {}

  /**
   * Makes the folder's content a finished upload. With the reason `checkpoint` it becomes current when its turn
   * completes, with any other reason at once.
   *
   * @throws TreeTooLarge, TransferFailed, TreeChanged, a `ConvexError` (`lease_lost` among them), or disk errors
   */
  async save(request: CheckpointRequest, policy: CallPolicy & { signal: AbortSignal }): Promise<Checkpoint> {
    for (let attempt = 1; ; attempt++) {
      try {
        const scanned = await scanTree(request.root, request.excludes);
        this.report(request, scanned);
        const treeDigest = await digestTree(request.root, scanned.entries);
        if (treeDigest === request.committedDigest) return { treeDigest, snapshotId: null };
        const packed = await packTree(request.root, scanned.entries, this.temporaryDirectory);
        try {
          const snapshotId = await this.upload(request, packed, policy);
          return { treeDigest: packed.treeDigest, snapshotId };
        } finally {
          await rm(packed.file, { force: true });
        }
      } catch (error) {
        const isLocked = isDenied(error);
        if ((!(error instanceof TreeChanged) && !isLocked) || attempt >= MAX_SCANS) throw error;
        if (isLocked) await unlock(request.root, { files: true });
        else await sleep(jitteredBackoffMs(RETRY, attempt), policy.signal);
      }
    }
  }

  private report({ conversationId }: CheckpointRequest, { skipped }: ScannedTree): void {
    for (const { path, why } of skipped) this.logger.warn({ conversationId, path, why }, "Left out of the snapshot.");
  }

  private async upload(
    { conversationId, generation, reason }: CheckpointRequest,
    packed: PackedTree,
    policy: CallPolicy & { signal: AbortSignal },
  ): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      // A fresh URL for each try: whether a used one can be used again is storage's secret.
      const { snapshotId, uploadUrl } = await this.session.mutate(
        "workerPrepareSnapshotUpload",
        (credentials) => ({ ...credentials, conversationId, generation, reason }),
        policy,
      );
      try {
        const storageId = await uploadFile(packed, uploadUrl, policy.signal);
        const { sha256, sizeBytes } = packed;
        await this.session.mutate(
          "workerFinalizeSnapshotUpload",
          (credentials) => ({ ...credentials, snapshotId, storageId, sha256, sizeBytes }),
          policy,
        );
        this.logger.debug({ conversationId, snapshotId, sizeBytes, reason }, "The workspace was saved.");
        return snapshotId;
      } catch (error) {
        const mayPass = error instanceof TransferFailed || isAgentFactoryError(error, "snapshot_rejected");
        if (policy.signal.aborted || isAgentFactoryError(error, "lease_lost")) throw error;
        this.logger.warn({ conversationId, attempt, reason: errorMessage(error) }, "The workspace was not saved.");
        await this.giveUp(snapshotId, error, policy);
        if (!mayPass || attempt >= MAX_UPLOADS) throw error;
        await sleep(jitteredBackoffMs(RETRY, attempt), policy.signal);
      }
    }
  }

  /** Tells the backend that nothing more comes; without it, it finds out when the upload URL expires. */
  private async giveUp(snapshotId: string, error: unknown, policy: CallPolicy): Promise<void> {
    const giveUpAtMs = Number.NEGATIVE_INFINITY;
    await this.session
      .mutate(
        "workerFailSnapshotUpload",
        (credentials) => ({ ...credentials, snapshotId, error: errorMessage(error).slice(0, 500) }),
        { ...policy, giveUpAtMs },
      )
      .catch((failure: unknown) => this.logger.debug({ reason: errorMessage(failure) }, "Could not report it."));
  }
}
