/** The way every call takes from a server to the engine: system queries, permissions, and a bound on how long it may last. */
import type { JSONValue } from "convex/values";
import type { CallResult, Commit, Engine, FunctionCall, FunctionKind, ReadSet } from "../../engine/types.js";
import { identityOf, type Caller } from "../auth/caller.js";
import { canonicalPath } from "./function-path.js";
import { makeSystemQueries } from "./system-queries.js";

export interface FunctionRequest {
  kind: FunctionKind | "any";
  path: string;
  /** `""` is the app. */
  componentPath: string;
  args: JSONValue;
  caller: Caller;
  journal?: string | null;
  /** See {@link FunctionCall.requestKey}. */
  requestKey?: string;
}

/** Convex stops actions after ten minutes. */
const ACTION_DEADLINE_MS = 10 * 60_000;
/** Queries and mutations may use one second of their own; the rest is for waiting behind others in the one queue of this engine. */
const TRANSACTION_DEADLINE_MS = 60_000;
/** What the engine may take to abandon a call that has run into its deadline. */
const ABANDON_GRACE_MS = 2_000;

/** Results that depend on something other than documents: the engine cannot tell whether a commit affects them. */
const EVERY_COMMIT = Symbol("depends on every commit");
const NO_COMMIT = Symbol("depends on no commit");

export class FunctionRunner {
  readonly #systemQueries: ReturnType<typeof makeSystemQueries>;

  constructor(
    private readonly engine: Engine,
    urls: { cloudUrl: string; siteUrl: string },
    private readonly log: (line: string) => void,
  ) {
    this.#systemQueries = makeSystemQueries(engine, urls);
  }

  /** Never throws: whatever goes wrong is the call's failure. */
  async run(request: FunctionRequest): Promise<CallResult> {
    const path = canonicalPath(request.path);
    const isAdmin = request.caller.kind === "admin";
    if (request.componentPath !== "" && !isAdmin) {
      return this.#failure(
        "Only callers with the admin key can call the functions of a component directly.",
        NO_COMMIT,
      );
    }
    if (path.startsWith("_system/")) return this.#runSystemQuery(request, path, isAdmin);

    const deadlineMs =
      request.kind === "action" || request.kind === "any" ? ACTION_DEADLINE_MS : TRANSACTION_DEADLINE_MS;
    const call: FunctionCall = {
      kind: request.kind,
      path,
      componentPath: request.componentPath,
      args: request.args,
      identity: identityOf(request.caller),
      allowInternal: isAdmin,
      signal: AbortSignal.timeout(deadlineMs),
      ...(request.journal === undefined ? {} : { journal: request.journal }),
      ...(request.requestKey === undefined ? {} : { requestKey: request.requestKey }),
    };
    try {
      return await withDeadline(this.engine.call(call), deadlineMs + ABANDON_GRACE_MS, path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.log(
        `Calling ${path} failed outside the function: ${error instanceof Error ? (error.stack ?? reason) : reason}`,
      );
      return this.#failure(reason, EVERY_COMMIT);
    }
  }

  isAffected(readSet: ReadSet, commit: Commit): boolean {
    if (readSet === EVERY_COMMIT) return true;
    return readSet !== NO_COMMIT && this.engine.isAffected(readSet, commit);
  }

  #runSystemQuery(request: FunctionRequest, path: string, isAdmin: boolean): CallResult {
    const query = this.#systemQueries.get(path);
    const isQuery = request.kind === "query" || request.kind === "any";
    if (query === undefined || !isAdmin || !isQuery) {
      return this.#failure(`Could not find public function for '${path}'.`, NO_COMMIT);
    }
    const { args } = request;
    try {
      const fields = typeof args === "object" && args !== null && !Array.isArray(args) ? args : {};
      const value = query(fields, request.componentPath);
      const ts = this.engine.latestTs();
      return { success: true, value, kind: "query", logLines: [], readSet: EVERY_COMMIT, ts, journal: null };
    } catch (error) {
      return this.#failure(error instanceof Error ? error.message : String(error), EVERY_COMMIT);
    }
  }

  #failure(errorMessage: string, readSet: ReadSet): CallResult {
    return { success: false, errorMessage, logLines: [], readSet, ts: this.engine.latestTs(), journal: null };
  }
}

/** A mutation that is given up here may still commit; its client is told so and must look before it repeats it. */
async function withDeadline(call: Promise<CallResult>, deadlineMs: number, path: string): Promise<CallResult> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${path} did not answer within ${deadlineMs / 1000} seconds. It may still take effect.`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([call, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
