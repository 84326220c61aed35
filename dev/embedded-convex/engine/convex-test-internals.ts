/**
 * How the private state of `convex-test` is reached, and the check that it still is what it was when this engine was
 * written. Nothing else in the engine may guess at it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { GenericSchema, SchemaDefinition } from "convex/server";
import { convexTest } from "convex-test";
import type {
  Accessor,
  ConvexGlobal,
  ConvexTestInternals,
  Database,
  ExecutionContext,
  ModuleGlob,
  RequestMetadata,
} from "./convex-test-types.js";

/** Private state has no compatibility promise, so only the version that was read and tested against will do. */
const SUPPORTED_VERSION = "0.0.60";

/** @throws if the component is not installed. */
export function databaseOf({ global }: ConvexTestInternals, componentPath: string): Database {
  const component = global.components[componentPath];
  if (component === undefined) throw new Error(`There is no component "${componentPath}" in this app.`);
  return component.db;
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
  const file = createRequire(import.meta.url).resolve("convex-test/package.json");
  checkVersion(JSON.parse(readFileSync(file, "utf8")), file);
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

/** @throws naming the first thing that is not where it was. */
export function checkDatabase(database: unknown): void {
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

/** @param manifest of the installed convex-test, found at `file`. */
export function checkVersion(manifest: unknown, file: string): void {
  const version = isObject(manifest) ? manifest["version"] : undefined;
  if (version === SUPPORTED_VERSION) return;
  throw new Error(
    `The embedded Convex backend needs convex-test ${SUPPORTED_VERSION} exactly, as it builds on its internals, ` +
      `but ${typeof version === "string" ? version : "an unknown version"} is installed (${file}). ` +
      `Install convex-test@${SUPPORTED_VERSION}.`,
  );
}

function unexpected(what: string): Error {
  return new Error(
    `convex-test ${SUPPORTED_VERSION} is not as the embedded Convex backend expects it: ${what}. ` +
      "Reinstall the dependencies; if that does not help, this Node version is not supported yet.",
  );
}
