/** Files that a running turn hands over: uploaded by the worker, checked here, seen when the turn completes. */
import { agentFactoryError } from "../../shared/errors.js";
import { MAX_REPLY_FILE_BYTES, MAX_REPLY_FILES, type WorkerArgs } from "../../shared/worker-protocol.js";
import { uploadIdOf } from "../../shared/attachments.js";
import { addFileEntry, isHandedOver, listTurnFiles } from "../conversations/transcript.js";
import { hexOfStoredDigest } from "../digest.js";
import type { MutationCtx } from "../functions.js";
import { requireHeldTurn } from "../queue/held.js";
import { countAddedEntries } from "../queue/leases.js";
import { isFileOfSnapshot } from "../snapshots/upload.js";
import { requireIdentifier, requireIntegerBetween } from "../validation.js";
import { requireWorker } from "./authenticate.js";

/** @throws `worker_rejected`, `lease_lost` */
export async function generateReplyFileUrl(
  ctx: MutationCtx,
  args: WorkerArgs<"workerGenerateMediaUploadUrl">,
): Promise<{ uploadUrl: string }> {
  await requireWorker(ctx, args);
  await requireHeldTurn(ctx, args);
  return { uploadUrl: await ctx.storage.generateUploadUrl() };
}

/** @throws `worker_rejected`, `lease_lost`, `invalid_argument`, `output_too_large` */
export async function addReplyFile(ctx: MutationCtx, args: WorkerArgs<"workerAddReplyFile">): Promise<boolean> {
  await requireWorker(ctx, args);
  const { lease } = await requireHeldTurn(ctx, args);
  requireIdentifier("fileName", args.fileName);
  if (args.mimeType !== undefined) requireIdentifier("mimeType", args.mimeType);
  requireIntegerBetween("sizeBytes", args.sizeBytes, 0, MAX_REPLY_FILE_BYTES);
  const storageId = ctx.db.system.normalizeId("_storage", args.storageId);
  const file = storageId === null ? null : await ctx.db.system.get("_storage", storageId);
  const isRight = file?.size === args.sizeBytes && hexOfStoredDigest(file.sha256) === args.sha256;
  // Older than the turn, it would be somebody else's: a snapshot, a file of another answer; what users upload says so.
  const isTheirs = file !== null && file._creationTime >= lease.claimedAt && uploadIdOf(file.contentType) === null;
  if (!isRight || !isTheirs) throw notUploaded();
  const { conversationId, messageId, generation } = lease;
  const origin = { conversationId, messageId, generation };
  const files = await listTurnFiles(ctx, origin);
  if (files.some((known) => known.storageId === file._id)) return false;
  // It would be deleted with this message, and whatever else names it would be left without.
  if ((await isHandedOver(ctx, file._id)) || (await isFileOfSnapshot(ctx, file._id))) throw notUploaded();
  if (files.length >= MAX_REPLY_FILES) {
    throw agentFactoryError("output_too_large", `A turn hands over at most ${MAX_REPLY_FILES} files.`);
  }
  const { fileName, mimeType = null, sizeBytes } = args;
  const before = await countAddedEntries(ctx, lease, 1);
  await addFileEntry(ctx, origin, before, { storageId: file._id, fileName, mimeType, sizeBytes });
  return true;
}

function notUploaded() {
  return agentFactoryError("invalid_argument", "storageId names no file that this turn has uploaded as it says.", {
    argument: "storageId",
  });
}
