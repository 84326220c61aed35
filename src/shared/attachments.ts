/** Which files may come with a message, as what, and how a stored file says which upload it came by. Pure. */
import type { Attachment } from "./payload.js";

/** Chat services send at most 20 to 50 MB; a snapshot holds 512 MiB, and each file in it moves with every checkpoint. */
export const MAX_ATTACHMENT_BYTES = 64 * 1024 * 1024;
export const MAX_MESSAGE_ATTACHMENT_BYTES = 128 * 1024 * 1024;

/** What a file is when nobody knows better. */
const UNKNOWN_MEDIA_TYPE = "application/octet-stream";

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** What each kind may be declared as; a document may be anything that is not a program. */
const TYPE_OF_KIND: Record<Attachment["kind"], RegExp> = {
  photo: /^image\//,
  video: /^(video\/|image\/gif$)/,
  audio: /^(audio\/|video\/(mp4|ogg|webm)$|application\/ogg$)/,
  voice: /^(audio\/|video\/(mp4|ogg|webm)$|application\/ogg$)/,
  document:
    /^(?!application\/(x-msdownload|x-dosexec|x-executable|x-sharedlib|x-mach-binary|vnd\.microsoft\.portable-executable|x-msi)$)/,
};
/** Programs that run by being opened, whatever they are declared as. */
const PROGRAM_NAME = /\.(exe|dll|msi|scr|com|bat|cmd|pif|apk|jar|dmg|pkg)$/i;

/** `image/jpeg` of `Image/JPEG; q=1`; `null` of nothing. */
export const mediaTypeOf = (contentType: string | null | undefined): string | null =>
  contentType?.split(";")[0]?.trim().toLowerCase() || null;

/** Whether a file of this type and name is taken as that kind; a type that nobody has declared is no objection. */
export function isTakenAs(kind: Attachment["kind"], mediaType: string | null, fileName: string): boolean {
  return (mediaType === null || TYPE_OF_KIND[kind].test(mediaType)) && !PROGRAM_NAME.test(fileName);
}

/** The kind to take a file as whose sender has not said one. */
export function kindOfMedia(mediaType: string | null): Attachment["kind"] {
  // A drawing that may hold scripts is for reading, not for showing.
  if (mediaType === null || mediaType === "image/svg+xml") return "document";
  return (["photo", "video", "audio"] as const).find((kind) => TYPE_OF_KIND[kind].test(mediaType)) ?? "document";
}

/**
 * The `Content-Type` to upload a file with. Storage keeps it with the file, and so the file itself says by which upload it
 * came: whoever knows a file's id cannot make it theirs.
 */
export function labelContentType(mimeType: string | undefined, uploadId: string): string {
  const declared = mediaTypeOf(mimeType) ?? "";
  return `${MEDIA_TYPE.test(declared) ? declared : UNKNOWN_MEDIA_TYPE}; upload="${uploadId}"`;
}

/** The upload that a stored file came by; `null` for one that no user has uploaded. */
export function uploadIdOf(contentType: string | null | undefined): string | null {
  return /;\s*upload="([^"]{1,128})"\s*$/.exec(contentType ?? "")?.[1] ?? null;
}
