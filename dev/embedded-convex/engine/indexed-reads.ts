/** Replaces convex-test's reads, which look at every document of a component, by scans of indexes; notes what was read. */
import type {
  ConvexTestInternals,
  Database,
  Document,
  QuerySource,
  RunningQuery,
  WriteLayer,
} from "./convex-test-types.js";
import { rangeOf, type KeyRange } from "./index-keys.js";
import type { InvocationStorage } from "./invocation.js";
import { pageRange, readPage } from "./pagination.js";
import { RangeScan, type PendingWrites } from "./range-scan.js";
import { tableKey, tableOfId, type ReadRecorder } from "./read-sets.js";
import { BY_CREATION_TIME, type Order, type TableStore, type TableStores } from "./table-store.js";

export function installIndexedReads(
  { global }: ConvexTestInternals,
  tables: TableStores,
  invocations: InvocationStorage,
): void {
  for (const [componentPath, { db }] of Object.entries(global.components)) {
    const keyFor = (table: string): string => tableKey(componentPath, table);
    installOn(
      db,
      (table) => tables.of(keyFor(table)),
      keyFor,
      () => invocations.getStore()?.reads ?? null,
    );
  }
}

/** Frees the queries of a transaction that ended without closing them. */
export function forgetQueries({ global }: ConvexTestInternals): void {
  for (const { db } of Object.values(global.components)) db._queryResults = {};
}

function installOn(
  db: Database,
  store: (table: string) => TableStore,
  keyFor: (table: string) => string,
  recorder: () => ReadRecorder | null,
): void {
  const pendingByLayer = trackPendingWrites(db);
  const pending = (table: string): PendingWrites => mergeLayers(db._writes, pendingByLayer, table);
  const original = {
    get: db.get.bind(db),
    resolve: db._resolveQuerySource.bind(db),
    paginate: db.paginate.bind(db),
  };
  let isSourceEmpty = false;

  db.get = (table, id) => {
    const document = original.get(table, id);
    recorder()?.readDocument(keyFor(tableOfId(id)), id);
    return document;
  };
  db._iterateDocs = (table, callback) => {
    if (isSourceEmpty) return;
    recorder()?.readTable(keyFor(table));
    const overlay = pending(table);
    const { documents } = store(table);
    for (const [id, document] of documents) {
      const current = overlay.has(id) ? (overlay.get(id) ?? null) : document;
      if (current !== null) callback(current);
    }
    for (const [id, document] of overlay) if (document !== null && !documents.has(id)) callback(document);
  };
  /** convex-test's own checks of a query, and its filters, without its reading of documents. */
  const resolveWithoutReading: Database["_resolveQuerySource"] = (query) => {
    isSourceEmpty = true;
    try {
      return original.resolve(query);
    } finally {
      isSourceEmpty = false;
    }
  };
  const scan = (source: QuerySource, narrow: (range: KeyRange, order: Order) => KeyRange): RangeScan | null => {
    if (source.type === "Search") return null;
    const { table, fields, range, order } = locate(db, source);
    const found = new RangeScan(store(table), fields, narrow(range, order), order, pending(table));
    recorder()?.readRange(keyFor(table), (document) => found.covers(document));
    return found;
  };

  db.startQuery = (query) => {
    const { filterFn, limit } = resolveWithoutReading(query);
    const found = scan(query.source, (range) => range);
    const id = db._nextQueryId;
    db._nextQueryId += 1;
    // A search scans its table whichever way; convex-test's own order of results is kept.
    const source = found ?? listOf(original.resolve(query).sortedDocs);
    db._queryResults[id] = limited(source, filterFn, limit ?? Infinity);
    return id;
  };
  db.queryNext = (id) => {
    const query = db._queryResults[id];
    if (query === undefined) throw new Error("Bad queryId");
    const value = query.next();
    return value === null ? { value: null, done: true } : { value, done: false };
  };
  db.paginate = (request) => {
    const { filterFn, fieldPathsToSortBy } = resolveWithoutReading(request.query);
    const found = scan(request.query.source, (range, order) => pageRange(range, order, request));
    if (found === null) return original.paginate(request);
    const cursorFields = fieldPathsToSortBy.includes("_id") ? fieldPathsToSortBy : [...fieldPathsToSortBy, "_id"];
    return readPage(found, request, filterFn, (document) => db._encodeCursor(document, cursorFields));
  };
}

/** Which index a query reads, and which part of it. `resolveWithoutReading` has already refused what does not exist. */
function locate(
  db: Database,
  source: Exclude<QuerySource, { type: "Search" }>,
): { table: string; fields: readonly string[]; range: KeyRange; order: Order } {
  const order = source.order ?? "asc";
  if (source.type === "FullTableScan") {
    return { table: source.tableName, fields: BY_CREATION_TIME, range: rangeOf([]), order };
  }
  const [table = "", name = ""] = source.indexName.split(".");
  return { table, fields: indexFields(db, table, name), range: rangeOf(source.range), order };
}

function indexFields(db: Database, table: string, name: string): readonly string[] {
  if (name === "by_creation_time") return BY_CREATION_TIME;
  if (name === "by_id") return ["_id"];
  const index = db._schema?.tables.get(table)?.indexes.find(({ indexDescriptor }) => indexDescriptor === name);
  return [...(index?.fields ?? []), ...BY_CREATION_TIME];
}

/** Keeps each layer's writes by table, so that reading one table does not look through the writes to all. */
function trackPendingWrites(db: Database): WeakMap<WriteLayer, Map<string, Map<string, Document | null>>> {
  const byLayer = new WeakMap<WriteLayer, Map<string, Map<string, Document | null>>>();
  const addWrite = db._addWrite.bind(db);
  db._addWrite = (id, value) => {
    addWrite(id, value);
    const layer = db._writes.at(-1);
    if (layer === undefined) return;
    const tables = byLayer.get(layer) ?? new Map<string, Map<string, Document | null>>();
    byLayer.set(layer, tables);
    const table = tableOfId(id);
    const writes = tables.get(table) ?? new Map<string, Document | null>();
    tables.set(table, writes);
    writes.set(id, value);
  };
  return byLayer;
}

function mergeLayers(
  layers: readonly WriteLayer[],
  byLayer: WeakMap<WriteLayer, Map<string, Map<string, Document | null>>>,
  table: string,
): PendingWrites {
  const merged = new Map<string, Document | null>();
  for (const layer of layers) {
    for (const [id, document] of byLayer.get(layer)?.get(table) ?? []) merged.set(id, document);
  }
  return merged;
}

function limited(source: RunningQuery, filter: (document: Document) => boolean, limit: number): RunningQuery {
  let remaining = limit;
  return {
    next: () => {
      while (remaining > 0) {
        const document = source.next();
        if (document === null) return null;
        if (!filter(document)) continue;
        remaining -= 1;
        return document;
      }
      return null;
    },
  };
}

function listOf(documents: readonly Document[]): RunningQuery {
  let next = 0;
  return { next: () => documents[next++] ?? null };
}
