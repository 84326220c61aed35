/** The endpoints that run functions: `/api/query`, `/api/mutation`, `/api/action`, `/api/function`, `/api/run/…`, and queries at a time. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { JSONValue } from "convex/values";
import type { CallResult, FunctionKind } from "../../engine/types.js";
import type { Caller } from "../auth/caller.js";
import type { FunctionRunner } from "../functions/function-runner.js";
import { readJsonBody } from "../http/body.js";
import { HttpError } from "../http/http-error.js";
import { sendJson } from "../http/respond.js";
import { decodeTimestamp, encodeTimestamp } from "../sync/timestamps.js";
import type { CommitHistory } from "./commit-history.js";
import { formatValue, parseFormat, type ValueFormat } from "./value-format.js";

/** "The function itself failed": clients read the body of a 200 and of this status alike, and nothing else takes it for success. */
const STATUS_FUNCTION_FAILED = 560;
/** One page's worth of queries in one request. */
const MAX_BATCH = 100;

export interface FunctionEndpoints {
  /** Answers the request if `path` (behind `/api/`) is one of these endpoints. */
  handle(path: string, request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<boolean>;
}

export function makeFunctionEndpoints(
  runner: FunctionRunner,
  history: CommitHistory,
  latestTs: () => bigint,
): FunctionEndpoints {
  const handle: FunctionEndpoints["handle"] = async (path, request, response, caller) => {
    const isPost = request.method === "POST";
    if (path === "query" && request.method === "GET") {
      await answer(response, queryStringCall(request), "query", caller);
    } else if (isPost && (path === "query" || path === "mutation" || path === "action")) {
      await answer(response, parseCall(await readJsonBody(request)), path, caller);
    } else if (isPost && path === "function") {
      await answer(response, parseCall(await readJsonBody(request)), "any", caller);
    } else if (isPost && path.startsWith("run/")) {
      await answer(
        response,
        parseCall({ ...fieldsOf(await readJsonBody(request)), path: pathOfRun(path) }, "json"),
        "any",
        caller,
      );
    } else if (isPost && path === "query_batch") {
      await answerBatch(response, await readJsonBody(request), caller);
    } else if (isPost && path === "query_ts") {
      sendJson(response, 200, { ts: encodeTimestamp(latestTs()) });
    } else if (isPost && path === "query_at_ts") {
      await answerAtTime(response, await readJsonBody(request), caller);
    } else {
      return false;
    }
    return true;
  };

  async function answer(
    response: ServerResponse,
    call: ParsedCall,
    kind: FunctionKind | "any",
    caller: Caller,
  ): Promise<void> {
    sendResult(response, await runner.run({ ...call, kind, caller }), call.format);
  }

  async function answerBatch(response: ServerResponse, body: unknown, caller: Caller): Promise<void> {
    const queries = fieldsOf(body)["queries"];
    if (!Array.isArray(queries) || queries.length > MAX_BATCH) {
      throw new HttpError(400, "BadQueryBatch", `The body must have a list "queries" of at most ${MAX_BATCH}.`);
    }
    const calls = queries.map((query: unknown) => parseCall(query));
    const results: object[] = [];
    for (const call of calls)
      results.push(describeResult(await runner.run({ ...call, kind: "query", caller }), call.format));
    sendJson(response, 200, { results });
  }

  /** This engine only knows the present, so it answers for the past exactly if nothing that the query read has changed since. */
  async function answerAtTime(response: ServerResponse, body: unknown, caller: Caller): Promise<void> {
    const call = parseCall(body);
    const encoded = fieldsOf(body)["ts"];
    const ts = decodeTimestamp(typeof encoded === "string" ? encoded : null);
    if (ts === null) throw new HttpError(400, "BadTimestamp", 'The field "ts" must be what /api/query_ts gave.');
    const result = await runner.run({ ...call, kind: "query", caller });
    const since = history.between(ts, result.ts);
    if (since === null || since.some((commit) => runner.isAffected(result.readSet, commit))) {
      throw new HttpError(
        400,
        "TimestampOutOfRange",
        "What this query reads has changed since that time, and the development backend cannot look into the past. Ask for a new timestamp.",
      );
    }
    sendResult(response, result, call.format);
  }

  return { handle };
}

interface ParsedCall {
  path: string;
  componentPath: string;
  args: JSONValue;
  format: ValueFormat;
}

function parseCall(body: unknown, defaultFormat: ValueFormat = "convex_encoded_json"): ParsedCall {
  const fields = fieldsOf(body);
  const { path = "", componentPath } = fields;
  if (typeof path !== "string" || path === "")
    throw new HttpError(400, "BadFunctionPath", 'The field "path" must be "module:function".');
  if (componentPath !== undefined && componentPath !== null && typeof componentPath !== "string") {
    throw new HttpError(400, "BadComponentPath", 'The field "componentPath" must be a string.');
  }
  const format = parseFormat(fields["format"], defaultFormat);
  return { path, componentPath: componentPath ?? "", args: parseArgs(fields["args"]), format };
}

/** Clients send the one object of arguments in a list, people usually without. */
function parseArgs(args: unknown): JSONValue {
  const object: unknown = Array.isArray(args) ? (args.length === 0 ? {} : args[0]) : (args ?? {});
  if (
    typeof object !== "object" ||
    object === null ||
    Array.isArray(object) ||
    (Array.isArray(args) && args.length > 1)
  ) {
    throw new HttpError(400, "BadArguments", 'The field "args" must be one object, or a list with one object.');
  }
  // From JSON.parse, so it is JSON; the function's own validator judges what is in it.
  return object as JSONValue;
}

function queryStringCall(request: IncomingMessage): ParsedCall {
  const parameters = new URL(request.url ?? "", "http://localhost").searchParams;
  let args: unknown;
  try {
    args = JSON.parse(parameters.get("args") ?? "{}");
  } catch {
    throw new HttpError(400, "BadArguments", 'The parameter "args" must be JSON.');
  }
  return parseCall({ path: parameters.get("path") ?? "", args, format: parameters.get("format") });
}

/** `run/messages/list` means `messages:list`. */
function pathOfRun(path: string): string {
  const parts = path.split("/").slice(1).map(decodePathPart);
  const name = parts.pop();
  if (name === undefined || parts.length === 0) {
    throw new HttpError(
      400,
      "MissingIdentifier",
      "The path must name a module and a function, as in /api/run/messages/list.",
    );
  }
  return `${parts.join("/")}:${name}`;
}

function decodePathPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError(
      400,
      "BadFunctionPath",
      "The path has a percent sign that does not begin an encoded character.",
    );
  }
}

function fieldsOf(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null)
    throw new HttpError(400, "BadJsonBody", "The body must be a JSON object.");
  return { ...body };
}

function sendResult(response: ServerResponse, result: CallResult, format: ValueFormat): void {
  sendJson(response, result.success ? 200 : STATUS_FUNCTION_FAILED, describeResult(result, format));
}

function describeResult(result: CallResult, format: ValueFormat): object {
  const { logLines } = result;
  if (result.success) return { status: "success", value: formatValue(result.value, format), logLines };
  const errorData = result.errorData === undefined ? {} : { errorData: formatValue(result.errorData, format) };
  return { status: "error", errorMessage: result.errorMessage, ...errorData, logLines };
}
