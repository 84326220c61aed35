/** The site port: HTTP actions, with streaming in both directions. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Engine } from "../../engine/types.js";
import type { UserIdentity } from "convex/server";
import { identityOf } from "../auth/caller.js";
import type { Authenticator } from "../auth/authenticator.js";
import { HttpError } from "../http/http-error.js";
import { sendError, sendText } from "../http/respond.js";

/** Convex's limit for the body of a request to an HTTP action, in bytes. */
const MAX_REQUEST_BYTES = 20 * 1024 * 1024;
/** Convex stops actions after ten minutes. */
const ACTION_TIMEOUT_MS = 10 * 60_000;

export interface SiteDependencies {
  engine: Pick<Engine, "fetchHttpAction">;
  authenticator: Authenticator;
  log: (line: string) => void;
}

/** Answers every request of the site port. Never throws. */
export async function handleSiteRequest(
  dependencies: SiteDependencies,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(timedOut()), ACTION_TIMEOUT_MS);
  response.on("close", () => gone.abort(new Error("The client closed the connection.")));
  try {
    if (Number(request.headers["content-length"] ?? 0) > MAX_REQUEST_BYTES) throw tooLarge();
    const identity = await identityFrom(dependencies.authenticator, request);
    const run = dependencies.engine.fetchHttpAction(toWebRequest(request, gone.signal), identity);
    const answer = await Promise.race([run, rejectionOf(gone.signal)]);
    if (answer === null) sendText(response, 404, "No matching routes found");
    else await sendWebResponse(answer, response, gone.signal);
  } catch (error) {
    if (response.destroyed) return;
    if (!(error instanceof HttpError)) {
      dependencies.log(
        `${request.method} ${request.url?.split("?")[0]} failed: ${error instanceof Error ? error.stack : String(error)}`,
      );
    }
    sendError(request, response, error);
  } finally {
    clearTimeout(timer);
  }
}

/** An `Authorization` header may as well be the app's own affair: what does not verify is nobody, and no error. */
async function identityFrom(authenticator: Authenticator, request: IncomingMessage): Promise<UserIdentity | null> {
  try {
    return identityOf(await authenticator.fromHeader(request.headers.authorization));
  } catch {
    return null;
  }
}

function toWebRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    headers.append(request.rawHeaders[index] ?? "", request.rawHeaders[index + 1] ?? "");
  }
  const method = request.method ?? "GET";
  const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers, signal });
  // Node needs `duplex` for a body that streams, and the type of the web platform does not know it.
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers,
    signal,
    body: toWebStream(request),
    duplex: "half",
  };
  return new Request(url, init);
}

function toWebStream(request: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = request.iterator({ destroyOnReturn: false });
  let size = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next: IteratorResult<unknown> = await chunks.next();
      if (next.done === true) {
        if (request.complete) controller.close();
        else
          controller.error(new HttpError(400, "IncompleteBody", "The connection broke before the whole body arrived."));
        return;
      }
      if (!(next.value instanceof Uint8Array)) throw new Error("A request body came as text.");
      size += next.value.byteLength;
      if (size > MAX_REQUEST_BYTES) controller.error(tooLarge());
      else controller.enqueue(next.value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}

async function rejectionOf(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  return await new Promise<never>((_resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason instanceof Error ? signal.reason : new Error("The HTTP action was aborted."));
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function timedOut(): HttpError {
  return new HttpError(
    504,
    "ActionTimeout",
    `The HTTP action did not answer within ${ACTION_TIMEOUT_MS / 1000} seconds.`,
  );
}

function tooLarge(): HttpError {
  return new HttpError(
    413,
    "RequestTooLarge",
    `The body of a request to an HTTP action may have at most ${MAX_REQUEST_BYTES} bytes.`,
  );
}

async function sendWebResponse(answer: Response, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const headers: [string, string][] = [];
  answer.headers.forEach((value, name) => {
    // Several cookies cannot share one line.
    if (name !== "set-cookie") headers.push([name, value]);
  });
  for (const cookie of answer.headers.getSetCookie()) headers.push(["set-cookie", cookie]);
  response.writeHead(answer.status, headers.flat());
  if (answer.body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  const reader = answer.body.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", stop);
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      // The function may only produce as fast as the client takes.
      if (!response.write(part.value)) await once(response, "drain", { signal });
    }
    response.end();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
