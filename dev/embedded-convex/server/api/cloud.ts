/** The API port: routes each request to its endpoint. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Engine } from "../../engine/types.js";
import { AuthenticationError, type Caller } from "../auth/caller.js";
import type { Authenticator } from "../auth/authenticator.js";
import { changeEnvironment, parseEnvironmentChanges } from "../functions/environment.js";
import { readJsonBody } from "../http/body.js";
import { HttpError } from "../http/http-error.js";
import { sendError, sendJson, sendPreflight, sendText, setCorsHeaders } from "../http/respond.js";
import type { FunctionEndpoints } from "./functions.js";
import { handleDownload, handleUpload } from "./storage.js";

/** What `GET /version` says: no version of Convex's own backend. */
const VERSION = "embedded";

export interface CloudDependencies {
  engine: Engine;
  authenticator: Authenticator;
  functions: FunctionEndpoints;
  maxUploadBytes: number;
  /** Called after environment variables have changed. */
  onEnvironmentChange: () => void;
  log: (line: string) => void;
}

/** Answers every request of the API port. Never throws. */
export async function handleCloudRequest(
  dependencies: CloudDependencies,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  setCorsHeaders(request, response);
  try {
    if (request.method === "OPTIONS") sendPreflight(request, response);
    else await route(dependencies, request, response);
  } catch (error) {
    const known = error instanceof AuthenticationError ? new HttpError(401, error.code, error.message) : error;
    if (!(known instanceof HttpError))
      dependencies.log(`${request.method} ${pathOf(request)} failed: ${stackOf(known)}`);
    sendError(request, response, known);
  }
}

async function route(
  dependencies: CloudDependencies,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { engine, authenticator, functions } = dependencies;
  const path = pathOf(request);
  const { method } = request;
  const isRead = method === "GET" || method === "HEAD";

  if (path === "/" && isRead) return sendText(response, 200, "This is an embedded Convex backend, for development.\n");
  if ((path === "/version" || path === "/api/version") && isRead) return sendText(response, 200, VERSION);
  if (path === "/instance_name" && isRead) return sendText(response, 200, VERSION);
  if (!path.startsWith("/api/")) throw notFound(request);
  const endpoint = path.slice("/api/".length);

  if (endpoint === "storage/upload" && method === "POST") {
    return await handleUpload(engine.storage, request, response, dependencies.maxUploadBytes);
  }
  if (endpoint.startsWith("storage/") && isRead) {
    return await handleDownload(engine.storage, endpoint.slice("storage/".length), request, response);
  }

  const caller = await authenticator.fromHeader(request.headers.authorization);
  if (await functions.handle(endpoint, request, response, caller)) return;
  if (await handleAdmin(endpoint, dependencies, request, response, caller)) return;
  throw notFound(request);
}

async function handleAdmin(
  endpoint: string,
  { engine, onEnvironmentChange }: CloudDependencies,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): Promise<boolean> {
  const isPost = request.method === "POST";
  // The same endpoints exist under /api/v1 on newer deployments.
  switch (endpoint.replace(/^v1\//, "")) {
    case "check_admin_key":
      assertAdmin(caller);
      sendJson(response, 200, { success: true });
      return true;
    case "update_environment_variables":
      if (!isPost) return false;
      assertAdmin(caller);
      await changeEnvironment(engine.env, parseEnvironmentChanges(await readJsonBody(request)));
      onEnvironmentChange();
      sendJson(response, 200, {});
      return true;
    case "list_environment_variables":
      if (isPost) return false;
      assertAdmin(caller);
      sendJson(response, 200, { environmentVariables: engine.env.list() });
      return true;
    case "run_test_function":
      assertAdmin(caller);
      throw new HttpError(
        400,
        "InlineQueriesUnsupported",
        "The embedded backend does not run inline queries, because it has no sandbox for them. Add a query to your functions, or use `convex data`.",
      );
    case "debug_event":
      // Clients report long disconnects here.
      sendJson(response, 200, {});
      return true;
    default:
      return false;
  }
}

function assertAdmin(caller: Caller): void {
  if (caller.kind !== "admin") {
    throw new HttpError(403, "BadDeployKey", "This endpoint needs the admin key: `Authorization: Convex <key>`.");
  }
}

function notFound(request: IncomingMessage): HttpError {
  return new HttpError(404, "NotFound", `The embedded backend has no ${request.method} ${pathOf(request)}.`);
}

/** Without the query string, which may hold a token and must not be logged. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?")[0] ?? "/";
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
