/** Removes what has outlived its purpose, one bounded batch per table and call, oldest first. */
import type { RetentionReport } from "../../shared/reports.js";
import { internal } from "../_generated/api.js";
import { deleteExpiredUploads } from "../conversations/uploads.js";
import type { MutationCtx } from "../functions.js";
import { deleteFinishedMessages, deleteRawUpdates } from "../queue/retention.js";
import { deleteExpiredSnapshots } from "../snapshots/retention.js";
import { deleteStoppedWorkers } from "../workers/retention.js";
import { deleteOrphans } from "./orphans.js";

/** Rows per table and batch; where rows may be large, a batch ends earlier. */
export const RETENTION_BATCH = 64;

export async function sweepOnce(ctx: MutationCtx): Promise<RetentionReport> {
  const messages = await deleteFinishedMessages(ctx, RETENTION_BATCH);
  const rawUpdates = await deleteRawUpdates(ctx, RETENTION_BATCH);
  const snapshots = await deleteExpiredSnapshots(ctx, RETENTION_BATCH);
  const workers = await deleteStoppedWorkers(ctx, RETENTION_BATCH);
  const uploads = await deleteExpiredUploads(ctx, RETENTION_BATCH);
  const files = await deleteOrphans(ctx, RETENTION_BATCH);
  const more = [messages, rawUpdates, snapshots, workers, uploads, files].some((swept) => swept.more);
  if (more) await ctx.scheduler.runAfter(0, internal.retention.internal.sweepMore, {});
  return {
    messages: messages.deleted,
    rawUpdates: rawUpdates.deleted,
    snapshots: snapshots.deleted,
    workers: workers.deleted,
    uploads: uploads.deleted,
    files: files.deleted,
    more,
  };
}
