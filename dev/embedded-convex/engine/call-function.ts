/** Calls one function for a client, and packs what came of it into a {@link CallResult}. */
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Accessor, FunctionPath } from "./convex-test-types.js";
import { checkTransfer } from "./document-limits.js";
import { describeFailure } from "./function-errors.js";
import { normalizeFunctionPath, type FunctionRegistry } from "./functions.js";
import { createInvocation, type Invocation, type InvocationStorage } from "./invocation.js";
import { ReadRecorder } from "./read-sets.js";
import type { CallResult, FunctionCall, FunctionDescription, FunctionKind } from "./types.js";

export interface CallSurroundings {
  accessor: Accessor;
  functions: FunctionRegistry;
  invocations: InvocationStorage;
  sourceRoot: string;
  latestTs: () => bigint;
}

/** Never throws for what a function or its caller did wrong: that is a result with `success: false`. */
export async function callFunction(surroundings: CallSurroundings, call: FunctionCall): Promise<CallResult> {
  const { accessor, functions, invocations, sourceRoot, latestTs } = surroundings;
  const componentPath = call.componentPath ?? "";
  const found = functions.find(componentPath, call.path);
  const refusal = call.signal?.aborted === true ? "The request was canceled." : whyNotCallable(call, found);
  if (found === undefined || found.kind === "httpAction" || refusal !== null) {
    return failed(createInvocation(call.path, { ts: latestTs() }), {
      errorMessage: refusal ?? missing(call, "function"),
    });
  }
  const kind = found.kind;
  const invocation = createInvocation(titleOf(kind, componentPath, found.path), {
    reads: kind === "query" ? new ReadRecorder() : null,
    previousJournal: call.journal ?? null,
    requestKey: kind === "mutation" ? (call.requestKey ?? null) : null,
    ts: latestTs(),
  });
  try {
    const args = argsOf(call.args);
    checkTransfer("The arguments are", args);
    const caller = call.identity === null ? accessor : accessor.withIdentity(call.identity);
    const path = { componentPath, udfPath: found.path };
    const value = await invocations.run(invocation, () => callByKind(caller, kind, path, args));
    return { ...outcome(invocation), success: true, value: convexToJson(value), kind };
  } catch (error) {
    return failed(invocation, describeFailure(error, sourceRoot));
  }
}

/** `Q(messages:list)`, as Convex's own logs name a function. */
export function titleOf(kind: FunctionKind, componentPath: string, path: string): string {
  const letter = { query: "Q", mutation: "M", action: "A" }[kind];
  return `${letter}(${componentPath === "" ? "" : `${componentPath}/`}${path})`;
}

export async function callByKind(
  caller: Accessor,
  kind: FunctionKind,
  path: FunctionPath,
  args: Record<string, Value>,
): Promise<Value> {
  switch (kind) {
    case "query":
      return await caller.queryFromPath(path, args);
    case "mutation":
      return await caller.mutationFromPath(path, args);
    case "action":
      return await caller.actionFromPath(path, args);
  }
}

function whyNotCallable(call: FunctionCall, found: FunctionDescription | undefined): string | null {
  const isReachable = found !== undefined && (call.allowInternal || (found.isPublic && found.componentPath === ""));
  // The same words for what does not exist and for what is private, so that nobody learns which of the two it is.
  if (!isReachable) return missing(call, call.allowInternal ? "function" : "public function");
  if (call.kind === "any" || call.kind === found.kind) return null;
  return `Trying to execute ${normalizeFunctionPath(call.path)} as ${call.kind}, but it is defined as ${found.kind}.`;
}

function missing(call: FunctionCall, what: string): string {
  const where = call.componentPath === undefined || call.componentPath === "" ? "" : ` in ${call.componentPath}`;
  return `Could not find ${what} for '${call.path}'${where}. Is it exported, and was the backend started after it was written?`;
}

export function argsOf(json: JSONValue): Record<string, Value> {
  const args = jsonToConvex(json);
  const isRecord = (value: Value): value is Record<string, Value> =>
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ArrayBuffer);
  if (!isRecord(args)) throw new Error("The arguments of a Convex function must be one object.");
  return args;
}

function outcome(invocation: Invocation): Pick<CallResult, "logLines" | "readSet" | "ts" | "journal"> {
  return {
    logLines: invocation.logLines,
    readSet: invocation.reads,
    ts: invocation.ts,
    journal: invocation.journal,
  };
}

function failed(invocation: Invocation, failure: { errorMessage: string; errorData?: JSONValue }): CallResult {
  return { ...outcome(invocation), success: false, ...failure };
}
