/** Files that users upload: an address for each, and what becomes of those that are never sent; the only writer of `uploads`. */
import { labelContentType, uploadIdOf } from "../../shared/attachments.js";
import { agentFactoryError } from "../../shared/errors.js";
import type { OpenedUpload } from "../../shared/reports.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/** A draft may wait a day for its last sentence; what is not sent by then is uploaded anew. */
export const UPLOAD_LIFETIME_MS = 24 * 60 * 60_000;
/** Of one user at a time: two messages as full as messages may be. */
export const MAX_OPEN_UPLOADS = 32;

/** What storage knows of a file, as far as it matters here. */
export type StoredFile = { _id: Id<"_storage">; contentType?: string };

/** @throws `too_many_uploads` */
export async function openUpload(
  ctx: MutationCtx,
  consumerUserId: string,
  mimeType: string | undefined,
): Promise<OpenedUpload> {
  const now = Date.now();
  const open = await ctx.db
    .query("uploads")
    .withIndex("by_user", (range) => range.eq("consumerUserId", consumerUserId).gt("expiresAt", now))
    .take(MAX_OPEN_UPLOADS);
  if (open.length === MAX_OPEN_UPLOADS) {
    throw agentFactoryError(
      "too_many_uploads",
      `${MAX_OPEN_UPLOADS} files are uploaded and not sent, which is as many as may be. Send or discard some first.`,
    );
  }
  const expiresAt = now + UPLOAD_LIFETIME_MS;
  const uploadId = await ctx.db.insert("uploads", { consumerUserId, expiresAt });
  const uploadUrl = await ctx.storage.generateUploadUrl();
  return { uploadId, uploadUrl, contentType: labelContentType(mimeType, uploadId), expiresAt };
}

/** The upload that a stored file says it came by, whatever has become of it; `null` for files of any other origin. */
export async function findUpload(ctx: QueryCtx, file: StoredFile): Promise<Doc<"uploads"> | null> {
  const uploadId = ctx.db.normalizeId("uploads", uploadIdOf(file.contentType) ?? "");
  return uploadId === null ? null : await ctx.db.get("uploads", uploadId);
}

/** From here on the file lives as long as the message. */
export async function bindUpload(
  ctx: MutationCtx,
  upload: Doc<"uploads">,
  storageId: Id<"_storage">,
  messageId: string,
): Promise<void> {
  await ctx.db.patch("uploads", upload._id, { storageId, messageId, expiresAt: undefined });
}

/** Gives up an upload that was not sent, and deletes its file if it has come by that upload; false when there is none. */
export async function discardUpload(
  ctx: MutationCtx,
  consumerUserId: string,
  { uploadId, storageId }: { uploadId: string; storageId?: string },
): Promise<boolean> {
  const id = ctx.db.normalizeId("uploads", uploadId);
  const upload = id === null ? null : await ctx.db.get("uploads", id);
  if (upload === null || upload.consumerUserId !== consumerUserId || upload.messageId !== undefined) return false;
  const fileId = storageId === undefined ? null : ctx.db.system.normalizeId("_storage", storageId);
  const file = fileId === null ? null : await ctx.db.system.get("_storage", fileId);
  if (file !== null && uploadIdOf(file.contentType) === upload._id) await ctx.storage.delete(file._id);
  await ctx.db.delete("uploads", upload._id);
  return true;
}

/**
 * Deletes what was never sent in time; `more` when some is left. The files go with the sweep of those that nothing names, for
 * what has been sent to an upload's address is known only once it is used.
 */
export async function deleteExpiredUploads(
  ctx: MutationCtx,
  limit: number,
): Promise<{ deleted: number; more: boolean }> {
  const expired = ctx.db
    .query("uploads")
    .withIndex("by_expiry", (range) => range.gt("expiresAt", 0).lte("expiresAt", Date.now()));
  let deleted = 0;
  for await (const upload of expired) {
    if (deleted === limit || (await isHalfSpent(ctx))) return { deleted, more: true };
    await ctx.db.delete("uploads", upload._id);
    deleted += 1;
  }
  return { deleted, more: false };
}

/** Deletes the files that came with a message; true when none is left. */
export async function deleteUploadsOfMessage(ctx: MutationCtx, messageId: string): Promise<boolean> {
  const uploads = ctx.db.query("uploads").withIndex("by_message", (range) => range.eq("messageId", messageId));
  for await (const { _id, storageId } of uploads) {
    if (await isHalfSpent(ctx)) return false;
    if (storageId !== undefined && (await ctx.db.system.get("_storage", storageId)) !== null) {
      await ctx.storage.delete(storageId);
    }
    await ctx.db.delete("uploads", _id);
  }
  return true;
}

/** Whether a message names the file as one that came with it. */
export async function isFileOfMessage(ctx: QueryCtx, file: StoredFile): Promise<boolean> {
  return (await findUpload(ctx, file))?.storageId === file._id;
}
