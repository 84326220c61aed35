/** Takes snapshot uploads in: prepare, finalize, fail; the only writer of `snapshots` besides the pointer and the sweep. */
import type { Infer } from "convex/values";
import { uploadIdOf } from "../../shared/attachments.js";
import { agentFactoryError } from "../../shared/errors.js";
import { shorten } from "../../shared/text.js";
import { MAX_SNAPSHOT_BYTES, type vSnapshotReason } from "../../shared/worker-protocol.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { isHandedOver } from "../conversations/transcript.js";
import { hexOfStoredDigest } from "../digest.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { findLane } from "../queue/head.js";
import { leasesOfWorker } from "../queue/leases.js";
import { findHolder, isLeaseAlive } from "../queue/liveness.js";
import { movePointer, snapshotRejected } from "./current.js";

/** Convex's upload URLs live for one hour; what was not finalized by then never will be. */
const UPLOAD_LIFETIME_MS = 60 * 60_000;
const MAX_ERROR_CHARACTERS = 1_000;
/** Of one lease, finished or not: far more than all tries of a checkpoint and a drain, and no way to fill a table. */
export const MAX_UPLOADS_OF_A_LEASE = 32;

type Prepare = {
  workerId: string;
  conversationId: string;
  generation: number;
  reason: Infer<typeof vSnapshotReason>;
};

/**
 * @throws `lease_lost` unless the worker's lease of that generation is alive or, but for a checkpoint, was the last one;
 *   `snapshot_rejected` when it has begun too many
 */
export async function prepareUpload(
  ctx: MutationCtx,
  request: Prepare,
): Promise<{ snapshotId: string; uploadUrl: string; expiresAt: number }> {
  const { agentKey } = await requireNewestHolder(ctx, request);
  await requireFewUploads(ctx, request);
  const now = Date.now();
  const expiresAt = now + UPLOAD_LIFETIME_MS;
  const snapshotId = await ctx.db.insert("snapshots", {
    ...request,
    agentKey,
    status: "uploading",
    createdAt: now,
    expiresAt,
  });
  return { snapshotId, uploadUrl: await ctx.storage.generateUploadUrl(), expiresAt };
}

async function requireFewUploads(ctx: QueryCtx, { conversationId, generation }: Prepare): Promise<void> {
  const newest = ctx.db
    .query("snapshots")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .order("desc");
  let begun = 0;
  for await (const snapshot of newest) {
    if (snapshot.generation !== generation) return;
    begun += 1;
    if (begun >= MAX_UPLOADS_OF_A_LEASE) throw snapshotRejected("This turn has begun too many uploads.");
  }
}

type Finalize = { workerId: string; snapshotId: string; storageId: string; sha256: string; sizeBytes: number };

/**
 * Accepts a stored file as the snapshot if size and checksum are what the worker sent. Idempotent for the same file.
 *
 * A checkpoint becomes current when its turn completes; any other reason moves the pointer here, unless a newer turn has
 * begun.
 *
 * @throws `snapshot_rejected`, `lease_lost`
 */
export async function finalizeUpload(ctx: MutationCtx, upload: Finalize): Promise<true> {
  const snapshot = await requireOwnUpload(ctx, upload);
  const storageId = ctx.db.system.normalizeId("_storage", upload.storageId);
  const file = storageId === null ? null : await ctx.db.system.get("_storage", storageId);
  if (storageId === null || file === null) throw snapshotRejected("The stored file does not exist. Upload it again.");
  if (snapshot.status === "ready" && snapshot.storageId === storageId) return true;
  if (snapshot.status !== "uploading") throw snapshotRejected(`Its upload is ${snapshot.status} already.`);
  if (
    file.size !== upload.sizeBytes ||
    file.size > MAX_SNAPSHOT_BYTES ||
    hexOfStoredDigest(file.sha256) !== upload.sha256
  ) {
    throw snapshotRejected("Size or checksum of the stored file differ from what was sent. Upload it again.");
  }
  if (!(await isFileOfUpload(ctx, snapshot, file))) {
    throw snapshotRejected("The stored file belongs to something else. Upload it again.");
  }
  await requireNewestHolder(ctx, snapshot);
  const ready = { status: "ready" as const, storageId, sha256: upload.sha256, sizeBytes: upload.sizeBytes };
  await ctx.db.patch("snapshots", snapshot._id, ready);
  if (snapshot.reason !== "checkpoint") await movePointer(ctx, { ...snapshot, ...ready });
  return true;
}

/** Gives an upload up; false when it had been finished or given up before. */
export async function failUpload(
  ctx: MutationCtx,
  { error, ...upload }: { workerId: string; snapshotId: string; error: string },
): Promise<boolean> {
  const snapshot = await requireOwnUpload(ctx, upload);
  if (snapshot.status !== "uploading") return false;
  await ctx.db.patch("snapshots", snapshot._id, { status: "failed", error: shorten(error, MAX_ERROR_CHARACTERS) });
  return true;
}

async function requireOwnUpload(
  ctx: QueryCtx,
  { workerId, snapshotId }: { workerId: string; snapshotId: string },
): Promise<Doc<"snapshots">> {
  const id = ctx.db.normalizeId("snapshots", snapshotId);
  const snapshot = id === null ? null : await ctx.db.get("snapshots", id);
  if (snapshot === null || snapshot.workerId !== workerId) throw snapshotRejected("No such upload of this worker.");
  return snapshot;
}

type StoredFile = { _id: Id<"_storage">; _creationTime: number; contentType?: string };

/**
 * A file belongs to one snapshot, with which it is deleted and can be downloaded. What is older than the upload, came from a user
 * or was handed over is not the worker's to name, however it has learned of it.
 */
async function isFileOfUpload(ctx: QueryCtx, { createdAt }: Doc<"snapshots">, file: StoredFile): Promise<boolean> {
  if (file._creationTime < createdAt || uploadIdOf(file.contentType) !== null) return false;
  return !(await isFileOfSnapshot(ctx, file._id)) && !(await isHandedOver(ctx, file._id));
}

/** Whether a snapshot, current or not, names the file. */
export async function isFileOfSnapshot(ctx: QueryCtx, storageId: Id<"_storage">): Promise<boolean> {
  const snapshot = await ctx.db
    .query("snapshots")
    .withIndex("by_storage", (range) => range.eq("storageId", storageId))
    .first();
  return snapshot !== null;
}

/**
 * Fences by the lane's generation: nobody may have claimed the conversation since this worker did. A checkpoint is of a
 * turn that runs, so its lease must be alive. Anything else is of the time after it: what a running turn has changed so
 * far is half of something, which nobody must ever start from.
 */
async function requireNewestHolder(ctx: QueryCtx, request: Prepare): Promise<{ agentKey: string }> {
  const { workerId, conversationId, generation, reason } = request;
  const lane = await findLane(ctx, conversationId);
  if (lane !== null && lane.generation === generation && lane.warmWorkerId === workerId) {
    const isInTime = reason === "checkpoint" ? await isRunning(ctx, request) : lane.state !== "leased";
    if (isInTime) return { agentKey: lane.agentKey };
  }
  throw agentFactoryError(
    "lease_lost",
    "This worker's workspace is not the conversation's newest one: its lease is over or another worker went on. Discard it.",
  );
}

async function isRunning(ctx: QueryCtx, { workerId, conversationId, generation }: Prepare): Promise<boolean> {
  const leases = await leasesOfWorker(ctx, workerId, MAX_LEASES_OF_WORKER);
  const own = leases.find((lease) => lease.conversationId === conversationId && lease.generation === generation);
  return own !== undefined && isLeaseAlive(own, await findHolder(ctx, workerId), Date.now());
}

/** The most conversations a worker may run at once, see `setScalingPolicy`. */
const MAX_LEASES_OF_WORKER = 64;
