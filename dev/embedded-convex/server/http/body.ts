/** Reading request bodies with a bound on their size and on the time they may take. */
import type { IncomingMessage } from "node:http";
import { HttpError } from "./http-error.js";

/** Convex's own limit for the arguments of a function, in bytes; a request has little else in it. */
const MAX_ARGUMENT_BYTES = 16 * 1024 * 1024;

/** Room for the JSON around the arguments (paths, format), in bytes. */
const ENVELOPE_BYTES = 64 * 1024;

/** The largest request or message that calls one function, in bytes. */
export const MAX_CALL_BYTES = MAX_ARGUMENT_BYTES + ENVELOPE_BYTES;

/** A JSON body of 16 MiB over loopback takes well under a second; whoever needs longer is holding a connection open. */
const BODY_TIMEOUT_MS = 30_000;

/**
 * The whole body as JSON.
 * @throws HttpError 413 when larger than {@link MAX_CALL_BYTES}, 408 when slower than 30 s, 400 when it is not JSON.
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request, MAX_CALL_BYTES, BODY_TIMEOUT_MS);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new HttpError(400, "BadJsonBody", "The request body is not valid JSON.");
  }
}

async function readBody(request: IncomingMessage, maxBytes: number, timeoutMs: number): Promise<Buffer> {
  const tooLarge = new HttpError(413, "RequestTooLarge", `The request body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  // Iterating would destroy the request, and with it the connection that has to carry the error.
  return await new Promise<Buffer>((resolve, reject) => {
    const timer = setTimeout(() => {
      finish(() =>
        reject(new HttpError(408, "RequestTimeout", `The request body did not arrive within ${timeoutMs} ms.`)),
      );
    }, timeoutMs);
    const onData = (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > maxBytes) finish(() => reject(tooLarge));
      else chunks.push(chunk);
    };
    const onEnd = () => finish(() => resolve(Buffer.concat(chunks)));
    const onError = () =>
      finish(() => reject(new HttpError(400, "IncompleteBody", "The connection broke before the whole body arrived.")));
    function finish(settle: () => void) {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", onError).off("close", onError);
      request.pause();
      settle();
    }
    request.on("data", onData).on("end", onEnd).on("error", onError).on("close", onError);
  });
}
