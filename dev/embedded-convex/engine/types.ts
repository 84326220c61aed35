/** The seam of the embedded backend: the engine (functions, data, time) below it, the servers (HTTP, WebSocket, admin) above it. */
import type { JSONValue } from "convex/values";
import type { UserIdentity } from "convex/server";
import type { AppDefinition } from "../definition.js";

export type FunctionKind = "query" | "mutation" | "action";

export interface FunctionCall {
  /** `any` looks the kind up (`convex run`). */
  kind: FunctionKind | "any";
  /** `module:function` as clients write it; `module` alone means `module:default`. */
  path: string;
  /** `""` is the app, `"agentFactory"` a component, `"agentFactory/batchWorker"` one inside it. */
  componentPath?: string;
  /** One object, in Convex's JSON encoding. */
  args: JSONValue;
  identity: UserIdentity | null;
  /** Only calls with the admin key may reach internal functions, or functions of a component. */
  allowInternal: boolean;
  /** A query's pagination journal from an earlier run, so that a page keeps its end. */
  journal?: string | null;
  signal?: AbortSignal;
  /**
   * Mutations only: the client's own name for this request (`session/number`). The engine stores the answer under it in the same commit,
   * and gives that answer again, instead of running again, when the same key comes back: also after a crash that lost the answer on its way.
   */
  requestKey?: string;
}

/** What a query depended on: opaque, made by the engine, given back to {@link Engine.isAffected}. */
export type ReadSet = unknown;

export type CallResult = { logLines: string[]; readSet: ReadSet; ts: bigint; journal: string | null } & (
  | { success: true; value: JSONValue; kind: FunctionKind }
  | { success: false; errorMessage: string; errorData?: JSONValue }
);

/** One top-level commit. */
export interface Commit {
  /** Strictly increasing, starts from the wall clock in nanoseconds. */
  ts: bigint;
  /** Opaque, see {@link Engine.isAffected}. */
  writes: unknown;
}

export interface FunctionDescription {
  componentPath: string;
  /** `module:function` */
  path: string;
  kind: FunctionKind | "httpAction";
  isPublic: boolean;
  args: JSONValue;
  returns: JSONValue;
}

export interface StoredFile {
  storageId: string;
  contentType: string | null;
  sha256Hex: string;
  size: number;
  /** The file's bytes on disk. */
  path: string;
}

export interface Engine {
  call(call: FunctionCall): Promise<CallResult>;
  /** The routed `httpAction`, run with the real URL and the caller's identity (as `ctx.auth` sees it); `null` when no route matches. */
  fetchHttpAction(request: Request, identity?: UserIdentity | null): Promise<Response | null>;
  onCommit(listener: (commit: Commit) => void): () => void;
  isAffected(readSet: ReadSet, commit: Commit): boolean;
  latestTs(): bigint;
  functions(): FunctionDescription[];
  tables(componentPath: string): string[];
  /** One page of a table in creation order, for `convex data`. */
  readTable(componentPath: string, table: string, options: { limit: number; order: "asc" | "desc" }): JSONValue[];
  env: {
    list(): Record<string, string>;
    /** `undefined` removes. Takes effect on the next call of any function, and is persisted. */
    set(name: string, value: string | undefined): Promise<void>;
  };
  storage: {
    /** Mints what `ctx.storage.generateUploadUrl()` returns: a URL with a one-time token that is valid for one hour. */
    checkUploadToken(token: string): { componentPath: string } | null;
    store(componentPath: string, bytes: AsyncIterable<Uint8Array>, contentType: string | null): Promise<StoredFile>;
    /** `null` once deleted. */
    open(fileUuid: string): StoredFile | null;
  };
  /** Providers of `auth.config.ts`, evaluated with the current env; the server verifies tokens against them. */
  authProviders(): JSONValue[];
  /** Stops timers, waits for running functions (bounded), flushes. After it a directory can be opened by another process. */
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Folder with `convex.json`; its `functions` entry names the app's functions folder. */
  projectDirectory: string;
  /** Where data lives; the same folder opened again continues where the last process stopped, however it ended. `null` = memory only. */
  dataDirectory: string | null;
  /** Public base URLs, which functions see as CONVEX_CLOUD_URL and CONVEX_SITE_URL, and storage URLs begin with. */
  cloudUrl: string;
  siteUrl: string;
  /** Deployment environment variables to start with, on top of the persisted ones. */
  env?: Record<string, string>;
  log?: (line: string) => void;
  /** What the app consists of, if the caller knows; otherwise the project's `convex.config.ts` files are evaluated. */
  definition?: AppDefinition;
  /** For tests: how long a query or mutation may take before it is ended. Default 30 s. */
  transactionTimeoutMs?: number;
}

/** What a call cost, as Convex counts it. */
export interface Measurement {
  value: JSONValue;
  documentsRead: number;
  databaseQueries: number;
  bytesRead: number;
  documentsWritten: number;
  bytesWritten: number;
  functionsScheduled: number;
}

/** What a call would have read and written; the writes by component and table, as {@link Engine.isAffected} takes them. */
export interface Rehearsal {
  readSet: ReadSet;
  writes: ReadonlyMap<string, unknown>;
}

export interface EngineDiagnostics {
  openQueries: number;
  openTransactionLayers: number;
  pendingJobs: number;
  finishedJobs: number;
}

/** What `createEngine` returns: the seam, and what only tests and benches need. */
export interface EmbeddedEngine extends Engine {
  /** Calls a query or mutation of any component, and tells what it cost. Rejects if the function throws. */
  measure(componentPath: string, path: string, args: JSONValue): Promise<Measurement>;
  /** Runs a query or mutation of any component and undoes it; tells with which commits it would conflict. */
  rehearse(componentPath: string, path: string, args: JSONValue): Promise<Rehearsal>;
  /** Inserts documents in bulk, without a transaction's limits; returns their ids. Fields in Convex's JSON encoding. */
  seed(componentPath: string, table: string, documents: readonly JSONValue[]): Promise<string[]>;
  /** Moves the clock of scheduler, crons, tokens and functions forward; what becomes due runs at once. */
  advanceClock(ms: number): void;
  /** What the engine holds on to; none of it may grow with the number of calls. */
  diagnostics(): EngineDiagnostics;
  /** Does now what happens every minute: removes rows of jobs that ended long ago. Returns how many. */
  removeOldJobs(): Promise<number>;
}
