/** What tests, benches and the admin endpoints may do beyond calling functions: look into tables, fill them, measure. */
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { callByKind } from "./call-function.js";
import { databaseOf } from "./convex-test-internals.js";
import type { ConvexTestInternals, Database, TransactionMetric } from "./convex-test-types.js";
import type { FunctionRegistry } from "./functions.js";
import type { LoadedInstance } from "./instance-modules.js";
import { splitTableKey, tableKey } from "./read-sets.js";
import type { TableStores } from "./table-store.js";
import type { Measurement } from "./types.js";

/** Documents per transaction while seeding: calls in between do not wait long, and the log's lines stay short. */
const SEED_BATCH = 1_000;

/** User tables of a component: declared ones, and others that have documents. */
export function listTables(
  tables: TableStores,
  instances: ReadonlyMap<string, LoadedInstance>,
  componentPath: string,
): string[] {
  const names = new Set(Object.keys(instances.get(componentPath)?.schema?.tables ?? {}));
  for (const [key, { documents }] of tables.entries()) {
    const { componentPath: path, table } = splitTableKey(key);
    if (path === componentPath && documents.size > 0 && !table.startsWith("_")) names.add(table);
  }
  return [...names].sort();
}

export function readTable(
  tables: TableStores,
  componentPath: string,
  table: string,
  { limit, order }: { limit: number; order: "asc" | "desc" },
): JSONValue[] {
  const documents = tables.of(tableKey(componentPath, table)).firstByCreation(limit, order);
  // `undefined` fields of a stored document are left out by the encoding.
  return documents.map((document) => convexToJson(document as Record<string, Value>));
}

/** What transactions leave open; nothing, between calls. */
export function countOpen({ global }: ConvexTestInternals): { openQueries: number; openTransactionLayers: number } {
  const databases = Object.values(global.components).map(({ db }) => db);
  const sum = (count: (db: Database) => number): number => databases.reduce((total, db) => total + count(db), 0);
  return {
    openQueries: sum((db) => Object.keys(db._queryResults).length),
    openTransactionLayers: sum((db) => db._writes.length),
  };
}

/** Inserts documents in bulk, checked against the schema but not against a transaction's limits. */
export async function seed(
  internals: ConvexTestInternals,
  componentPath: string,
  table: string,
  documents: readonly JSONValue[],
): Promise<string[]> {
  const db = databaseOf(internals, componentPath);
  const ids: string[] = [];
  for (let start = 0; start < documents.length; start += SEED_BATCH) {
    const batch = documents.slice(start, start + SEED_BATCH).map(fieldsOf);
    await internals.accessor.runInComponent(componentPath, async () => {
      for (const fields of batch) ids.push(db.insert(table, fields));
      return null;
    });
  }
  return ids;
}

/** Calls a query or mutation of any component, and tells what it cost by Convex's own count. */
export async function measure(
  internals: ConvexTestInternals,
  functions: FunctionRegistry,
  componentPath: string,
  path: string,
  args: JSONValue,
): Promise<Measurement> {
  const found = functions.find(componentPath, path);
  if (found === undefined) throw new Error(`There is no function "${path}" in component "${componentPath}".`);
  const { kind } = found;
  if (kind !== "query" && kind !== "mutation")
    throw new Error(`${path} runs outside of transactions: nothing is counted.`);
  const target = { componentPath, udfPath: found.path };
  const manager = internals.global.transactionManager;
  const used = (metric: TransactionMetric): number =>
    manager.getMetricsTracker()?.getTransactionMetrics()[metric].used ?? 0;
  const measured: Measurement[] = [];
  await internals.accessor.runInComponent("", async () => {
    const value = await callByKind(internals.accessor, kind, target, fieldsOf(args));
    // The transaction began just now, and has done nothing else.
    measured.push({
      value: convexToJson(value),
      documentsRead: used("documentsRead"),
      databaseQueries: used("databaseQueries"),
      bytesRead: used("bytesRead"),
      documentsWritten: used("documentsWritten"),
      bytesWritten: used("bytesWritten"),
      functionsScheduled: used("functionsScheduled"),
    });
    return null;
  });
  const [measurement] = measured;
  if (measurement === undefined) throw new Error(`${path} was not measured.`);
  return measurement;
}

function fieldsOf(json: JSONValue): Record<string, Value> {
  const value = jsonToConvex(json);
  const isObject = (candidate: Value): candidate is Record<string, Value> =>
    typeof candidate === "object" && candidate !== null && !Array.isArray(candidate);
  if (!isObject(value)) throw new Error(`Expected an object, not ${JSON.stringify(json)}.`);
  return value;
}
