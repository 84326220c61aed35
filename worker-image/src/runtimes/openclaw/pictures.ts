/** The pictures of a message, as the gateway hands them to the model with it; they are files of the workspace as well. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../logger.js";
import { errorMessage } from "../../logger.js";
import type { TurnAttachment } from "../runtime.js";

/** An attachment of the call `agent`, which takes nothing but pictures. */
export type Picture = { type: "image"; mimeType: string; fileName: string; content: string };

/** The gateway refuses the whole message when one is larger. */
export const MAX_PICTURE_BYTES = 6 * 1024 * 1024;
/** In base64 these are 16 MiB; a frame to the gateway has at most 25 MiB, with up to 128 KiB of text in it. */
export const MAX_PICTURES_BYTES = 12 * 1024 * 1024;

/** What models take, by how such a file begins: what a sender declares may be anything, and one wrong file fails the turn. */
const BEGINNINGS: readonly { mimeType: string; begin: RegExp }[] = [
  { mimeType: "image/png", begin: /^\x89PNG\r\n\x1a\n/ },
  { mimeType: "image/jpeg", begin: /^\xff\xd8\xff/ },
  { mimeType: "image/gif", begin: /^GIF8[79]a/ },
  { mimeType: "image/webp", begin: /^RIFF.{4}WEBP/s },
];
const BEGINNING_BYTES = 12;

/** The type of a picture that models take, by its first bytes; `null` for every other file. Pure. */
export function pictureType(bytes: Uint8Array): string | null {
  const begin = Buffer.from(bytes.subarray(0, BEGINNING_BYTES)).toString("latin1");
  return BEGINNINGS.find((known) => known.begin.test(begin))?.mimeType ?? null;
}

/**
 * Those of the files that are pictures, in their order, as many as fit. What is left out, or cannot be read any more
 * because a hook has changed it, is still named in the message.
 */
export async function readPictures(
  attachments: readonly TurnAttachment[],
  workspaceDirectory: string,
  logger: Logger,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  let left = MAX_PICTURES_BYTES;
  for (const { path, mimeType, kind } of attachments) {
    if (kind !== "photo" && mimeType?.startsWith("image/") !== true) continue;
    try {
      const bytes = await readUpTo(join(workspaceDirectory, path), Math.min(MAX_PICTURE_BYTES, left));
      const sniffed = bytes === null ? null : pictureType(bytes);
      if (bytes === null || sniffed === null) {
        logger.info(
          { path },
          "A picture is handed over as a file only: it is too large, or of a kind models do not take.",
        );
        continue;
      }
      left -= bytes.byteLength;
      const fileName = path.slice(path.lastIndexOf("/") + 1);
      pictures.push({ type: "image", mimeType: sniffed, fileName, content: bytes.toString("base64") });
    } catch (error) {
      logger.warn({ path, reason: errorMessage(error) }, "A picture could not be read.");
    }
  }
  return pictures;
}

/** The content of a file, or `null` when it is empty or larger than that. */
async function readUpTo(path: string, maxBytes: number): Promise<Buffer | null> {
  // A hook may have put a link in its place, which could lead anywhere.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const about = await file.stat();
    if (!about.isFile() || about.size === 0 || about.size > maxBytes) return null;
    const buffer = Buffer.alloc(about.size);
    const { bytesRead } = await file.read(buffer, 0, about.size, 0);
    return bytesRead === about.size ? buffer : null;
  } finally {
    await file.close();
  }
}
