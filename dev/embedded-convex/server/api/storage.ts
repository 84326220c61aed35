/** The endpoints of file storage: uploads to a one-time URL, and downloads, whole or in ranges. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Engine, StoredFile } from "../../engine/types.js";
import { HttpError } from "../http/http-error.js";
import { sendJson } from "../http/respond.js";
import { parseByteRange, type ByteRange } from "./byte-range.js";

/** Convex gives an upload two minutes. */
const UPLOAD_TIMEOUT_MS = 2 * 60_000;
/** Files of a development machine: more is a runaway, and would fill its disk. */
export const DEFAULT_MAX_UPLOAD_BYTES = 1024 * 1024 * 1024;
/** A stored file never changes, so browsers may keep it: 30 days, as on Convex. */
const MAX_CACHE_AGE_SECONDS = 30 * 24 * 60 * 60;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

type Storage = Engine["storage"];

/** `POST /api/storage/upload?token=…` → `{storageId}`. */
export async function handleUpload(
  storage: Storage,
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<void> {
  const token = new URL(request.url ?? "", "http://localhost").searchParams.get("token") ?? "";
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const permission = storage.checkUploadToken(token);
  if (permission === null) {
    throw new HttpError(
      403,
      "InvalidUploadUrl",
      "This upload URL was used already or has expired. Generate a new one.",
    );
  }
  const contentType = request.headers["content-type"] ?? null;
  const bytes = checkedBytes(request, maxBytes, expectedDigest(request.headers["digest"]));
  const { storageId } = await storage.store(permission.componentPath, bytes, contentType);
  sendJson(response, 200, { storageId });
}

/** The body as it arrives. Whatever is wrong with it is thrown to the engine, which then keeps nothing of the file. */
async function* checkedBytes(
  request: IncomingMessage,
  maxBytes: number,
  digest: string | null,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let size = 0;
  const timer = setTimeout(() => {
    request.destroy(
      new HttpError(408, "UploadTimeout", `The upload took longer than ${UPLOAD_TIMEOUT_MS / 1000} seconds.`),
    );
  }, UPLOAD_TIMEOUT_MS);
  try {
    // Stays readable after an early end, so that the connection can carry the error.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!(chunk instanceof Uint8Array)) throw new Error("An upload came as text.");
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      yield chunk;
    }
    if (!request.complete)
      throw new HttpError(400, "IncompleteBody", "The connection broke before the whole file arrived.");
    if (digest !== null && hash.digest("base64") !== digest) {
      throw new HttpError(
        400,
        "DigestMismatch",
        "The file that arrived does not have the sha-256 that its Digest header says.",
      );
    }
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, "FileTooLarge", `The file is larger than ${maxBytes} bytes.`);
}

function expectedDigest(header: string | string[] | undefined): string | null {
  return typeof header === "string" ? (/^sha-256=(\S+)$/i.exec(header)?.[1] ?? null) : null;
}

/** `GET` or `HEAD /api/storage/<uuid>`. */
export async function handleDownload(
  storage: Storage,
  fileUuid: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!UUID.test(fileUuid)) {
    throw new HttpError(400, "InvalidStoragePath", "This is no storage URL. `ctx.storage.getUrl()` gives valid ones.");
  }
  const file = storage.open(fileUuid);
  if (file === null) throw new HttpError(404, "FileNotFound", "The file does not exist, or was deleted.");

  const etag = `"${file.sha256Hex}"`;
  setFileHeaders(response, file, etag);
  if (request.headers["if-none-match"]?.split(",").some((tag) => tag.trim() === etag)) {
    response.writeHead(304).end();
    return;
  }
  // A range of another version than the one at hand would be glued to the wrong bytes.
  const ifRange = request.headers["if-range"];
  const range = ifRange === undefined || ifRange === etag ? parseByteRange(request.headers.range, file.size) : null;
  if (range === "unsatisfiable") {
    response.writeHead(416, { "Content-Range": `bytes */${file.size}` }).end();
    return;
  }
  if (range === null) response.writeHead(200, { "Content-Length": file.size });
  else {
    const { start, end } = range;
    response.writeHead(206, {
      "Content-Length": end - start + 1,
      "Content-Range": `bytes ${start}-${end}/${file.size}`,
    });
  }
  if (request.method === "HEAD" || file.size === 0) response.end();
  else await sendBytes(file, range, response);
}

function setFileHeaders(response: ServerResponse, file: StoredFile, etag: string): void {
  response.setHeader("ETag", etag);
  response.setHeader("Digest", `sha-256=${Buffer.from(file.sha256Hex, "hex").toString("base64")}`);
  response.setHeader("Cache-Control", `private, max-age=${MAX_CACHE_AGE_SECONDS}`);
  response.setHeader("Accept-Ranges", "bytes");
  response.setHeader("X-Content-Type-Options", "nosniff");
  if (file.contentType !== null) response.setHeader("Content-Type", file.contentType);
}

async function sendBytes(file: StoredFile, range: ByteRange | null, response: ServerResponse): Promise<void> {
  try {
    await pipeline(createReadStream(file.path, range ?? {}), response);
  } catch (error) {
    // The client went away, which is its right, or the file was deleted while it was read: either way the connection is broken already.
    if (!response.destroyed) throw error;
  }
}
