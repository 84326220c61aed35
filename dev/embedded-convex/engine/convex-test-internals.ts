/**
 * The private state of `convex-test` that this engine is built on: its shape, how it is reached, and the check that it
 * still is what it was when this was written. Nothing else in the engine may guess at it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { GenericSchema, SchemaDefinition, UserIdentity } from "convex/server";
import type { JSONValue, Value } from "convex/values";
import { convexTest } from "convex-test";

/** Private state has no compatibility promise, so only the version that was read and tested against will do. */
const SUPPORTED_VERSION = "0.0.60";

export type Document = Readonly<Record<string, Value | undefined>> & {
  readonly _id: string;
  readonly _creationTime: number;
};
/** Uncommitted writes of one level of transaction; `null` is a deletion. */
export type WriteLayer = Record<string, Document | null>;

export type RangeFilter = { type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte"; fieldPath: string; value: JSONValue };
export type QuerySource =
  | { type: "FullTableScan"; tableName: string; order: "asc" | "desc" | null }
  | { type: "IndexRange"; indexName: string; range: RangeFilter[]; order: "asc" | "desc" | null }
  | { type: "Search"; indexName: string; filters: JSONValue[] };
export interface SerializedQuery {
  source: QuerySource;
  operators: JSONValue[];
}
export interface ResolvedSource {
  sortedDocs: Document[];
  filterFn: (document: Document) => boolean;
  limit: number | null;
  fieldPathsToSortBy: string[];
  order: "asc" | "desc";
}
export interface PageRequest {
  query: SerializedQuery;
  cursor: string | null;
  endCursor: string | null;
  pageSize: number;
  maximumRowsRead: number | null;
  maximumBytesRead: number | null;
}
export interface Page {
  page: Document[];
  isDone: boolean;
  continueCursor: string;
  splitCursor: string | null;
  pageStatus: "SplitRequired" | "SplitRecommended" | null;
}
export interface TableSchema {
  indexes: { indexDescriptor: string; fields: string[] }[];
  documentType?: JSONValue;
}

/** What the engine puts where convex-test would keep a query's remaining documents. */
export interface RunningQuery {
  next(): Document | null;
}

/** `DatabaseFake`: one component's tables. */
export interface Database {
  readonly componentPath: string;
  _documents: Record<string, Document>;
  _storage: Record<string, unknown>;
  _nextDocId: number;
  _nextQueryId: number;
  _queryResults: Record<number, RunningQuery>;
  _lastCreationTime: number;
  _writes: WriteLayer[];
  _schema: { schemaValidation: boolean; tables: Map<string, TableSchema> } | null;
  get(tableName: string | undefined, id: string): Document | null;
  insert(table: string, value: object): string;
  patch(tableName: string | undefined, id: string, value: object): void;
  delete(tableName: string | undefined, id: string): void;
  commit(commitTs: bigint | null): void;
  startQuery(query: SerializedQuery): number;
  queryNext(queryId: number): { value: Document | null; done: boolean };
  paginate(request: PageRequest): Page;
  _addWrite(id: string, value: Document | null): void;
  _iterateDocs(tableName: string, callback: (document: Document) => void): void;
  _resolveQuerySource(query: SerializedQuery): ResolvedSource;
  _encodeCursor(document: Document, fieldPaths: string[]): string;
  _validate(tableName: string, document: unknown): void;
}

export type TransactionMetric =
  "bytesRead" | "bytesWritten" | "databaseQueries" | "documentsRead" | "documentsWritten" | "functionsScheduled";

export interface MetricsTracker {
  trackIndexRange(): void;
  trackRead(bytes: number): void;
  trackWrite(bytes: number): void;
  trackScheduledFunction(argsBytes: number): void;
  getTransactionMetrics(): Record<TransactionMetric, { used: number }>;
}

export interface TransactionManager {
  _lastCommitTs: bigint;
  begin(isNested: boolean, transactionLimits?: unknown): Promise<void>;
  commit(isNested: boolean): bigint | null;
  rollback(isNested: boolean): void;
  restoreWrites(stashed: unknown): void;
  isInTransaction(): boolean;
  getMetricsTracker(): MetricsTracker | null;
}

/** The state of one `convexTest()`. */
export interface ConvexGlobal {
  components: Record<string, { db: Database; modules: (path: string) => Promise<Record<string, unknown>> }>;
  transactionManager: TransactionManager;
  syscall: (operation: string, jsonArgs: string) => string;
  asyncSyscall: (operation: string, jsonArgs: string) => Promise<string>;
  jsSyscall: (operation: string, args: Record<string, unknown>) => Promise<unknown>;
}

export interface FunctionPath {
  componentPath: string;
  udfPath: string;
}

/** One function that is running. */
export interface ExecutionContext extends FunctionPath {
  udfType: "query" | "mutation" | "action" | "http";
  depth: number;
  paginatedQueries: number;
}

export interface RequestMetadata {
  ip: string | null;
  userAgent: string | null;
  requestId: string;
  scheduledFunctionId: string | null;
  authToken: string | null;
}

/** What a `convexTest()` offers at run time, by path instead of by reference. */
export interface Accessor {
  queryFromPath(path: FunctionPath, args: Record<string, Value>): Promise<Value>;
  mutationFromPath(path: FunctionPath, args: Record<string, Value>): Promise<Value>;
  actionFromPath(path: FunctionPath, args: Record<string, Value>): Promise<Value>;
  runInComponent<Output>(componentPath: string, handler: (ctx: unknown) => Promise<Output>): Promise<Output>;
  fetch(path: string, init: RequestInit): Promise<Response>;
  withIdentity(identity: UserIdentity): Accessor;
  registerComponent(path: string, schema: SchemaDefinition<GenericSchema, boolean> | null, modules: ModuleGlob): void;
}

/** @throws if the component is not installed. */
export function databaseOf({ global }: ConvexTestInternals, componentPath: string): Database {
  const component = global.components[componentPath];
  if (component === undefined) throw new Error(`There is no component "${componentPath}" in this app.`);
  return component.db;
}

/** As `import.meta.glob` returns it. */
export type ModuleGlob = Record<string, () => Promise<Record<string, unknown>>>;

export interface ConvexTestInternals {
  accessor: Accessor;
  global: ConvexGlobal;
  /** The lock of the transaction that the current code belongs to; absent outside of one. */
  transactionStorage: AsyncLocalStorage<unknown>;
  executionStorage: AsyncLocalStorage<ExecutionContext>;
  requestStorage: AsyncLocalStorage<RequestMetadata>;
  /** Globals as the running function sees them. */
  overridesStorage: AsyncLocalStorage<Record<string, unknown>>;
}

/**
 * Starts a `convexTest()` with Convex's transaction limits on, and takes hold of its private state.
 *
 * @throws if the installed `convex-test` is not the version whose internals are known, or does not have them.
 */
export async function openConvexTest(
  schema: SchemaDefinition<GenericSchema, boolean> | null,
  modules: ModuleGlob,
): Promise<ConvexTestInternals> {
  checkVersion();
  const test = convexTest({ ...(schema === null ? {} : { schema }), modules, transactionLimits: true });
  const seen = await storesDuring(() => test.run(async () => null));
  const global = find(seen, "its state", isConvexGlobal);
  const internals: ConvexTestInternals = {
    // The declared type leaves out what takes paths; `checkAccessor` makes sure that it is there.
    accessor: checkAccessor(test),
    global: global.store,
    transactionStorage: find(seen, "its transaction lock", isTransactionLock).storage,
    executionStorage: find(seen, "its execution context", isExecutionContext).storage,
    requestStorage: find(seen, "its request metadata", isRequestMetadata).storage,
    overridesStorage: find(seen, "its global overrides", isOverrides).storage,
  };
  checkDatabase(global.store.components[""]?.db);
  for (const name of ["process", "console", "Date", "crypto"]) {
    const replacement = {};
    const seenInside = internals.overridesStorage.run({ [name]: replacement }, (): unknown =>
      Reflect.get(globalThis, name),
    );
    if (seenInside !== replacement) throw unexpected(`globalThis.${name} cannot be replaced per function`);
  }
  return internals;
}

interface SeenStore<T> {
  storage: AsyncLocalStorage<T>;
  store: T;
}

/** convex-test keeps its state in module-private AsyncLocalStorages; `run` is where both pass by. */
async function storesDuring(action: () => Promise<unknown>): Promise<SeenStore<unknown>[]> {
  const seen: SeenStore<unknown>[] = [];
  const prototype = AsyncLocalStorage.prototype;
  const original = Object.getOwnPropertyDescriptor(prototype, "run");
  const run: unknown = original?.value;
  if (original === undefined || typeof run !== "function") throw unexpected("AsyncLocalStorage.run cannot be observed");
  Object.defineProperty(prototype, "run", {
    ...original,
    value(this: AsyncLocalStorage<unknown>, ...args: unknown[]): unknown {
      seen.push({ storage: this, store: args[0] });
      return Reflect.apply(run, this, args);
    },
  });
  try {
    await action();
  } finally {
    Object.defineProperty(prototype, "run", original);
  }
  return seen;
}

function find<T>(seen: SeenStore<unknown>[], what: string, isIt: (store: unknown) => store is T): SeenStore<T> {
  const found = seen.find((candidate): candidate is SeenStore<T> => isIt(candidate.store));
  if (found === undefined) throw unexpected(`${what} was not found`);
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isConvexGlobal(store: unknown): store is ConvexGlobal {
  return (
    isObject(store) &&
    isObject(store["components"]) &&
    isObject(store["transactionManager"]) &&
    hasMethods(store["transactionManager"], ["begin", "commit", "rollback", "restoreWrites", "getMetricsTracker"]) &&
    typeof store["transactionManager"]["_lastCommitTs"] === "bigint" &&
    hasMethods(store, ["syscall", "asyncSyscall", "jsSyscall"])
  );
}

function isTransactionLock(store: unknown): store is object {
  return isObject(store) && "_lock" in store && hasMethods(store, ["acquire", "release"]);
}

function isExecutionContext(store: unknown): store is ExecutionContext {
  return (
    isObject(store) && store["udfPath"] === "custom" && store["componentPath"] === "" && "paginatedQueries" in store
  );
}

function isRequestMetadata(store: unknown): store is RequestMetadata {
  return isObject(store) && "scheduledFunctionId" in store && "requestId" in store;
}

function isOverrides(store: unknown): store is Record<string, unknown> {
  return isObject(store) && hasMethods(store, ["fetch", "setTimeout"]);
}

function hasMethods(value: object, names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}

function checkAccessor(test: object): Accessor {
  const isAccessor = (value: object): value is Accessor =>
    hasMethods(value, [
      "queryFromPath",
      "mutationFromPath",
      "actionFromPath",
      "runInComponent",
      "fetch",
      "withIdentity",
      "registerComponent",
    ]);
  if (!isAccessor(test)) throw unexpected("functions cannot be called by path");
  return test;
}

function checkDatabase(database: unknown): void {
  const methods = ["get", "insert", "patch", "delete", "commit", "startQuery", "queryNext", "paginate"];
  const privates = ["_addWrite", "_iterateDocs", "_resolveQuerySource", "_encodeCursor", "_validate"];
  const fields = [
    "_documents",
    "_storage",
    "_writes",
    "_nextDocId",
    "_lastCreationTime",
    "_schema",
    "_nextQueryId",
    "_queryResults",
  ];
  if (!isObject(database)) throw unexpected("the app has no database");
  for (const name of [...methods, ...privates]) {
    if (!hasMethods(database, [name])) throw unexpected(`its database has no ${name}()`);
  }
  for (const name of fields) if (!(name in database)) throw unexpected(`its database has no ${name}`);
}

function checkVersion(): void {
  const file = createRequire(import.meta.url).resolve("convex-test/package.json");
  const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
  const version = isObject(manifest) ? manifest["version"] : undefined;
  if (version !== SUPPORTED_VERSION) {
    throw new Error(
      `The embedded Convex backend needs convex-test ${SUPPORTED_VERSION} exactly, as it builds on its internals, ` +
        `but ${typeof version === "string" ? version : "an unknown version"} is installed (${file}). ` +
        `Install convex-test@${SUPPORTED_VERSION}.`,
    );
  }
}

function unexpected(what: string): Error {
  return new Error(
    `convex-test ${SUPPORTED_VERSION} is not as the embedded Convex backend expects it: ${what}. ` +
      "Reinstall the dependencies; if that does not help, this Node version is not supported yet.",
  );
}
