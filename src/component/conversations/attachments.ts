/** Takes files into a message: who sends a file must have uploaded it, and what it is stands in storage, not in the call. */
import {
  isTakenAs,
  kindOfMedia,
  MAX_ATTACHMENT_BYTES,
  MAX_MESSAGE_ATTACHMENT_BYTES,
  mediaTypeOf,
  uploadIdOf,
} from "../../shared/attachments.js";
import { agentFactoryError } from "../../shared/errors.js";
import type { Attachment, UploadedFile } from "../../shared/payload.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { hexOfStoredDigest } from "../digest.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { requireIdentifier } from "../validation.js";
import { bindUpload, findUpload } from "./uploads.js";

/**
 * What is said to come with a message: a user's upload, or a file as the app describes it, which need not be one: channels
 * store files too, and know of files that are no longer stored.
 */
export type ClaimedAttachment = UploadedFile | Attachment;

/** As it becomes a part of the message; `upload` is what it came by, if it did. */
export type AdmittedFile = {
  attachment: Attachment;
  upload: { row: Doc<"uploads">; storageId: Id<"_storage"> } | null;
};

/**
 * Checks each claim and fills in what storage knows. Reads two documents a file and writes nothing: bind what it returns
 * once the message has an id, in the same transaction.
 *
 * @param consumerUserId whose conversation it is
 * @param keptUntil until when files of this message are kept at the least, ms
 * @throws `upload_rejected`, naming the file; `invalid_argument`
 */
export async function admitFiles(
  ctx: QueryCtx,
  claims: readonly ClaimedAttachment[],
  { consumerUserId, keptUntil }: { consumerUserId: string | undefined; keptUntil: number },
): Promise<AdmittedFile[]> {
  const admitted: AdmittedFile[] = [];
  for (const [index, claim] of claims.entries()) {
    const admission = { argument: `attachments[${index}]`, consumerUserId, keptUntil };
    const file = await admitFile(ctx, claim, admission);
    const { upload } = file;
    if (upload !== null && admitted.some((other) => other.upload?.row._id === upload.row._id)) {
      throw rejection(admission.argument, claim.fileName, "comes with this message already. Attach it once.");
    }
    admitted.push(file);
  }
  const total = admitted.reduce((sum, { upload, attachment }) => sum + (upload === null ? 0 : sizeOf(attachment)), 0);
  if (total > MAX_MESSAGE_ATTACHMENT_BYTES) {
    const limit = megabytes(MAX_MESSAGE_ATTACHMENT_BYTES);
    throw agentFactoryError("upload_rejected", `The files of one message have at most ${limit} together. Send fewer.`, {
      argument: "attachments",
    });
  }
  return admitted;
}

/** From here on the files live as long as the message. Writes one document a file. */
export async function bindFiles(ctx: MutationCtx, files: readonly AdmittedFile[], messageId: string): Promise<void> {
  for (const { upload } of files) {
    if (upload !== null) await bindUpload(ctx, upload.row, upload.storageId, messageId);
  }
}

type Admission = { argument: string; consumerUserId: string | undefined; keptUntil: number };

async function admitFile(ctx: QueryCtx, claim: ClaimedAttachment, admission: Admission): Promise<AdmittedFile> {
  const { argument, consumerUserId, keptUntil } = admission;
  const { fileName } = claim;
  const rejected = (why: string) => rejection(argument, fileName, why);
  const storageId = ctx.db.system.normalizeId("_storage", claim.storageId);
  const file = storageId === null ? null : await ctx.db.system.get("_storage", storageId);
  const isUpload = file !== null && uploadIdOf(file.contentType) !== null;
  // Described by the app and nobody's upload: hydration will say whether it is there.
  if ("status" in claim && !isUpload) return { attachment: claim, upload: null };
  if (fileName !== undefined) requireIdentifier(`${argument}.fileName`, fileName);
  const row = file === null ? null : await findUpload(ctx, file);
  if (file === null || row === null || consumerUserId === undefined || row.consumerUserId !== consumerUserId) {
    // One answer for what is not there and what is somebody else's: nobody learns from it which.
    throw rejected("is no file that this user has uploaded, or it was not sent in time. Attach it again.");
  }
  if (row.messageId !== undefined) throw rejected("was sent with another message. Attach it again.");
  if ((row.expiresAt ?? 0) <= Date.now()) throw rejected("was not sent in time. Attach it again.");

  const mimeType = mediaTypeOf(file.contentType);
  const { kind = kindOfMedia(mimeType) } = claim;
  if (file.size === 0) throw rejected("is empty. Choose another file.");
  if (file.size > MAX_ATTACHMENT_BYTES) {
    throw rejected(`is larger than ${megabytes(MAX_ATTACHMENT_BYTES)}. Choose a smaller file.`);
  }
  if (!isTakenAs(kind, mimeType, fileName ?? "")) {
    throw rejected(`(${mimeType ?? "of unknown type"}) is not taken as a ${kind}; programs are not taken at all.`);
  }
  const known = { sizeBytes: file.size, sha256: hexOfStoredDigest(file.sha256) };
  const attachment: Attachment = {
    kind,
    status: "ready",
    storageId: file._id,
    ...known,
    ...(fileName === undefined ? {} : { fileName }),
    ...(mimeType === null ? {} : { mimeType }),
    expiresAt: keptUntil,
  };
  return { attachment, upload: { row, storageId: file._id } };
}

const sizeOf = ({ sizeBytes }: Attachment) => sizeBytes ?? 0;

const megabytes = (bytes: number) => `${Math.round(bytes / (1024 * 1024))} MB`;

function rejection(argument: string, fileName: string | undefined, why: string) {
  return agentFactoryError("upload_rejected", `${fileName === undefined ? argument : `"${fileName}"`} ${why}`, {
    argument,
  });
}
