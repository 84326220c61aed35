/** Moves files to and from storage over HTTP, streaming, checked and bounded. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Agent, interceptors, request } from "undici";
import { z } from "zod";
import { errorMessage } from "../logger.js";

/** A file could not be moved. `gone`: storage answered that there is no such file (any more). */
export class TransferFailed extends Error {
  override readonly name = "TransferFailed";

  constructor(
    message: string,
    readonly problem: "gone" | "too_long" | "other" = "other",
  ) {
    super(message);
  }
}

/** Storage cuts an upload off after two minutes, so waiting longer is in vain. */
const UPLOAD_TIMEOUT_MS = 115_000;
/** As long as reading an archive may take. */
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
/** No byte for this long means that the connection is dead. */
const SILENCE_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

const agent = new Agent({
  connect: { timeout: CONNECT_TIMEOUT_MS },
  headersTimeout: UPLOAD_TIMEOUT_MS,
  bodyTimeout: SILENCE_TIMEOUT_MS,
});
/** Storage may hand a download on to where the file really lies; an upload is never sent anywhere else. */
const downloads = agent.compose(interceptors.redirect({ maxRedirections: 3 }));

const vUploaded = z.object({ storageId: z.string().min(1) });

const within = (signal: AbortSignal, ms: number) => AbortSignal.any([signal, AbortSignal.timeout(ms)]);

/**
 * Sends a file to an upload URL and returns the id under which storage keeps it.
 *
 * @throws TransferFailed, whose message never contains the URL
 */
export async function uploadFile(
  { file, sizeBytes, mimeType = "application/gzip" }: { file: string; sizeBytes: number; mimeType?: string },
  uploadUrl: string,
  signal: AbortSignal,
): Promise<string> {
  const content = createReadStream(file);
  try {
    const response = await request(uploadUrl, {
      method: "POST",
      headers: { "content-type": mimeType, "content-length": String(sizeBytes) },
      body: content,
      dispatcher: agent,
      signal: within(signal, UPLOAD_TIMEOUT_MS),
    });
    if (response.statusCode !== 200) {
      await response.body.dump();
      throw new TransferFailed(`Storage refused the upload with status ${response.statusCode}.`);
    }
    const answer = vUploaded.safeParse(await response.body.json());
    if (!answer.success) throw new TransferFailed("Storage took the upload but did not say under which id.");
    return answer.data.storageId;
  } catch (error) {
    throw asTransferFailure("upload", error);
  } finally {
    content.destroy();
  }
}

/** What is known of a file before it comes; `sha256` in hex. */
export type ExpectedFile = { sha256: string | null; sizeBytes: number | null; maxBytes: number };

/**
 * Fetches a file and checks on the way what is known of it; `target` exists only if all of that is right.
 *
 * @throws TransferFailed, whose message never contains the URL; disk errors as they come
 */
export async function downloadFile(
  downloadUrl: string,
  target: string,
  expected: ExpectedFile,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      const isTooLong = bytes > Math.min(expected.maxBytes, expected.sizeBytes ?? expected.maxBytes);
      const problem = bytes > expected.maxBytes ? "too_long" : "other";
      done(isTooLong ? new TransferFailed("The stored file is longer than it should be.", problem) : null, chunk);
    },
  });
  try {
    const response = await request(downloadUrl, { dispatcher: downloads, signal: within(signal, DOWNLOAD_TIMEOUT_MS) });
    if (response.statusCode !== 200) {
      await response.body.dump();
      const isGone = response.statusCode === 404 || response.statusCode === 403 || response.statusCode === 410;
      throw new TransferFailed(
        `Storage refused the download with status ${response.statusCode}.`,
        isGone ? "gone" : "other",
      );
    }
    await pipeline(response.body, meter, createWriteStream(target, { flags: "wx", mode: 0o600 }));
    const isWhole = expected.sizeBytes === null || bytes === expected.sizeBytes;
    if (!isWhole || (expected.sha256 !== null && hash.digest("hex") !== expected.sha256)) {
      throw new TransferFailed("The stored file is not the one that was saved: its size or checksum differs.");
    }
  } catch (error) {
    await rm(target, { force: true });
    throw asTransferFailure("download", error);
  }
}

/** Errors of the local disk stay what they are: nobody at the other end can do anything about them. */
const DISK_ERRORS = new Set(["ENOSPC", "EROFS", "EDQUOT", "EACCES", "EIO", "ENOENT", "EEXIST", "EMFILE"]);

function asTransferFailure(what: "upload" | "download", error: unknown): Error {
  if (error instanceof TransferFailed) return error;
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
  if (error instanceof Error && code !== null && DISK_ERRORS.has(code)) return error;
  // Messages of HTTP libraries may quote the URL, which is a permission.
  return new TransferFailed(`The ${what} failed: ${code ?? errorMessage(error).replace(/https?:\/\/\S+/g, "[url]")}.`);
}
