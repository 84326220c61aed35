/** Decides which attachments of a message are fetched, under which names, and why others are not. Pure. */
import {
  isTakenAs,
  MAX_ATTACHMENT_BYTES,
  MAX_MESSAGE_ATTACHMENT_BYTES,
  mediaTypeOf,
} from "../../../src/shared/attachments.js";
import type { Attachment } from "../../../src/shared/payload.js";
import { extensionOf } from "./media-types.js";
import { wellFormed } from "../well-formed.js";

/** Below the workspace; one folder for each message, so that no file replaces another. */
const ATTACHMENTS_FOLDER = "attachments";

/** Names that Windows keeps for devices, whatever follows the dot: a workspace may be unpacked there. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

/** A name, with its extension, that any file system takes: 255 bytes is the usual limit. */
const MAX_NAME_BYTES = 120;

export type PlannedAttachment =
  | { attachment: Attachment; name: string; decision: "fetch"; path: string; url: string; maxBytes: number }
  | { attachment: Attachment; name: string; decision: "leave"; why: string };

/** @param messageKey names the message's folder; the same at every try */
export function planAttachments(attachments: readonly Attachment[], messageKey: string): PlannedAttachment[] {
  const taken = new Set<string>();
  let room = MAX_MESSAGE_ATTACHMENT_BYTES;
  return attachments.map((attachment, index) => {
    const name = freeName(fileName(attachment, index), taken);
    const leave = (why: string) => ({ attachment, name, decision: "leave" as const, why });
    const { status, downloadUrl, sizeBytes, mimeType, kind } = attachment;
    if (status === "expired" || downloadUrl === undefined) return leave("it has expired and is no longer stored");
    const type = mediaTypeOf(mimeType);
    if (!isTakenAs(kind, type, name)) {
      return leave(`files of this type (${type ?? "a program"}) are not taken as a ${kind}`);
    }
    const maxBytes = Math.min(MAX_ATTACHMENT_BYTES, room);
    if ((sizeBytes ?? 0) > MAX_ATTACHMENT_BYTES) return leave(`it is larger than ${megabytes(MAX_ATTACHMENT_BYTES)}`);
    if ((sizeBytes ?? 0) > room || room === 0) {
      return leave(`the files of one message have at most ${megabytes(MAX_MESSAGE_ATTACHMENT_BYTES)} together`);
    }
    // One of unknown size may take all that one may: what is left must suffice for the rest.
    room -= sizeBytes ?? maxBytes;
    const path = `${ATTACHMENTS_FOLDER}/${messageKey}/${name}`;
    return { attachment, name, decision: "fetch", path, url: downloadUrl, maxBytes };
  });
}

function fileName({ fileName, kind, mimeType }: Attachment, index: number): string {
  const last = (fileName ?? "").normalize("NFC").split(/[/\\]/).at(-1) ?? "";
  const cleaned = last
    .replace(/[\u0000-\u001f\u007f<>:"|?*\u202a-\u202e\u2066-\u2069\ufffd]/g, "_")
    .replace(/^[.\s]+|[.\s]+$/g, "")
    .replace(DEVICE, "_$&");
  if (cleaned !== "") return withinBytes(cleaned);
  const extension = extensionOf(mediaTypeOf(mimeType)) ?? "bin";
  return `${kind}-${index + 1}.${extension}`;
}

/** Shortened before its extension. */
function withinBytes(name: string): string {
  const extension = /\.[^.]{1,16}$/.exec(name)?.[0] ?? "";
  let stem = name.slice(0, name.length - extension.length);
  while (Buffer.byteLength(stem + extension) > MAX_NAME_BYTES) stem = stem.slice(0, -1);
  // The cut may have left half a character.
  return wellFormed(stem + extension);
}

/** Names that differ only in case are one name on some disks. */
function freeName(name: string, taken: Set<string>): string {
  const extension = /\.[^.]+$/.exec(name)?.[0] ?? "";
  const stem = name.slice(0, name.length - extension.length);
  let free = name;
  for (let number = 2; taken.has(free.toLowerCase()); number++) free = `${stem}-${number}${extension}`;
  taken.add(free.toLowerCase());
  return free;
}

export const megabytes = (bytes: number) => `${Math.round(bytes / (1024 * 1024))} MB`;
