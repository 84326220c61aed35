/** Deletes stored files that nothing names: uploads that were never sent, and what a worker stored just before it died. */
import { isHalfSpent } from "../budget.js";
import { isHandedOver } from "../conversations/transcript.js";
import { isFileOfMessage, UPLOAD_LIFETIME_MS, type StoredFile } from "../conversations/uploads.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { isFileOfSnapshot } from "../snapshots/upload.js";

/**
 * From this age on nothing will name a file that nothing names yet: a user's upload has expired by then, for its row is older than
 * the file, and a worker names what it has stored within minutes.
 */
export const ORPHAN_AGE_MS = UPLOAD_LIFETIME_MS;

/**
 * Looks once at every file, in the order in which they were stored, and never again: what is named then goes with what names
 * it. So the cost is that of the files since the last sweep, whatever the deployment holds.
 */
export async function deleteOrphans(ctx: MutationCtx, limit: number): Promise<{ deleted: number; more: boolean }> {
  const progress = await ctx.db.query("fileSweeps").first();
  const from = progress?.lookedAtUntil ?? 0;
  const until = Date.now() - ORPHAN_AGE_MS;
  const files = ctx.db.system
    .query("_storage")
    .withIndex("by_creation_time", (range) => range.gt("_creationTime", from).lte("_creationTime", until));
  let deleted = 0;
  let seen = 0;
  let last = from;
  let more = false;
  for await (const file of files) {
    // Two files may have been stored at one moment; a batch never ends between them, for the next one begins after it.
    if (file._creationTime !== last && (seen >= limit || (await isHalfSpent(ctx)))) {
      more = true;
      break;
    }
    seen += 1;
    last = file._creationTime;
    if (await isNamed(ctx, file)) continue;
    await ctx.storage.delete(file._id);
    deleted += 1;
  }
  if (last > from) {
    if (progress === null) await ctx.db.insert("fileSweeps", { lookedAtUntil: last });
    else await ctx.db.patch("fileSweeps", progress._id, { lookedAtUntil: last });
  }
  return { deleted, more };
}

async function isNamed(ctx: QueryCtx, file: StoredFile): Promise<boolean> {
  return (
    (await isFileOfSnapshot(ctx, file._id)) || (await isHandedOver(ctx, file._id)) || (await isFileOfMessage(ctx, file))
  );
}
