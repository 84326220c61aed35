/** Writing answers: JSON, errors, and the CORS headers that let a page of any origin use the API, as on a real deployment. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describeError } from "./http-error.js";

/** How long a browser may remember that a cross-origin call is allowed, in seconds. Browsers cap it at two hours or less. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/**
 * Mirrors the caller's origin and the headers it asks for. The API recognizes callers by an `Authorization` header alone,
 * never by cookies, so no origin gains anything from being allowed.
 */
export function setCorsHeaders(request: IncomingMessage, response: ServerResponse): void {
  const origin = request.headers.origin;
  if (origin === undefined) return;
  response.setHeader("Access-Control-Allow-Origin", origin);
  response.setHeader("Access-Control-Allow-Credentials", "true");
  response.setHeader("Access-Control-Expose-Headers", "ETag, Digest, Content-Range, Accept-Ranges, Content-Length");
  response.appendHeader("Vary", "Origin");
}

/** Answers a preflight request. */
export function sendPreflight(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  const wantedHeaders = request.headers["access-control-request-headers"];
  if (wantedHeaders !== undefined) response.setHeader("Access-Control-Allow-Headers", wantedHeaders);
  response.setHeader("Access-Control-Max-Age", String(PREFLIGHT_MAX_AGE_SECONDS));
  response.writeHead(204).end();
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": bytes.byteLength });
  response.end(bytes);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": bytes.byteLength });
  response.end(bytes);
}

/**
 * Answers with an error, and closes the connection when the request's body was not read to its end: the rest of it
 * would otherwise be taken for the next request.
 */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    // The status is out already; only a broken connection tells the client that the body is not complete.
    response.destroy();
    return;
  }
  const { status, code, message } = describeError(error);
  if (!request.complete) response.setHeader("Connection", "close");
  sendJson(response, status, { code, message });
}
