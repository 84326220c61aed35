/** The shape of convex-test's private state, as far as the engine uses it. `convex-test-internals.ts` checks that it is so. */
import type { AsyncLocalStorage } from "node:async_hooks";
import type { GenericSchema, SchemaDefinition, UserIdentity } from "convex/server";
import type { JSONValue, Value } from "convex/values";

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
