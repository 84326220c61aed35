/** Follows every top-level transaction of convex-test: what it is about to write, and that it was committed. */
import { CommitTsPlaceholder, type Value } from "convex/values";
import { databaseOf } from "./convex-test-internals.js";
import type { ConvexTestInternals, Document } from "./convex-test-types.js";
import { tableKey, tableOfId, type DocumentChange } from "./read-sets.js";
import type { Invocation, InvocationStorage } from "./invocation.js";

/** Everything one top-level transaction changes, by table. */
export interface PendingCommit {
  ts: bigint;
  changes: Map<string, DocumentChange[]>;
}

export interface CommitHooks {
  /** A throw here undoes the transaction; nothing is visible to anybody yet. */
  beforeCommit(commit: PendingCommit, invocation: Invocation | null): void;
  /** The transaction is durable and visible; must not throw. */
  afterCommit(commit: PendingCommit): void;
  /** A top-level transaction ended, committed or not. */
  afterTransaction(): void;
}

/** Puts the hooks into the transaction manager of one `convexTest()`. */
export function installCommitHooks(
  internals: ConvexTestInternals,
  invocations: InvocationStorage,
  hooks: CommitHooks,
): void {
  const { global } = internals;
  const manager = global.transactionManager;
  const root = databaseOf(internals, "");
  const begin = manager.begin.bind(manager);
  const commit = manager.commit.bind(manager);
  const rollback = manager.rollback.bind(manager);
  const commitRoot = root.commit.bind(root);
  let pending: PendingCommit | null = null;

  manager.begin = async (isNested, transactionLimits) => {
    await begin(isNested, transactionLimits);
    const invocation = invocations.getStore();
    if (!isNested && invocation !== undefined) invocation.ts = manager._lastCommitTs;
  };
  // convex-test applies a commit database by database, the app's first, and decides the timestamp just before: this is
  // the last moment at which everything can still be undone, and the first at which it is known what will be written.
  root.commit = (ts) => {
    if (ts !== null) {
      pending = collectChanges(global.components, ts);
      hooks.beforeCommit(pending, invocations.getStore() ?? null);
    }
    commitRoot(ts);
  };
  manager.commit = (isNested) => {
    const ts = commit(isNested);
    if (isNested) return ts;
    const invocation = invocations.getStore();
    if (invocation !== undefined) invocation.ts = manager._lastCommitTs;
    const committed = pending;
    pending = null;
    if (committed !== null) hooks.afterCommit(committed);
    hooks.afterTransaction();
    return ts;
  };
  manager.rollback = (isNested) => {
    rollback(isNested);
    if (isNested) return;
    pending = null;
    hooks.afterTransaction();
  };
}

/** What the open transaction would change if it ended now. */
export function collectChanges(components: ConvexTestInternals["global"]["components"], ts: bigint): PendingCommit {
  const changes = new Map<string, DocumentChange[]>();
  for (const [componentPath, { db }] of Object.entries(components)) {
    const layer = db._writes[0] ?? {};
    for (const id of Object.keys(layer)) {
      const before = db._documents[id] ?? null;
      const after = resolveCommitTs(layer[id] ?? null, ts);
      layer[id] = after;
      if (before === null && after === null) continue;
      const key = tableKey(componentPath, tableOfId(id));
      const table = changes.get(key);
      if (table === undefined) changes.set(key, [{ id, before, after }]);
      else table.push({ id, before, after });
    }
  }
  return { ts, changes };
}

/** `db.vars.commitTs` stands for a number that is known only now. */
function resolveCommitTs(document: Document | null, ts: bigint): Document | null {
  if (document === null || !Object.values(document).some(containsPlaceholder)) return document;
  const resolved = Object.entries(document).map(([field, value]) => [field, substitute(value, ts)] as const);
  return { ...document, ...Object.fromEntries(resolved) };
}

function containsPlaceholder(value: Value | undefined): boolean {
  if (value instanceof CommitTsPlaceholder) return true;
  if (Array.isArray(value)) return value.some(containsPlaceholder);
  return isPlainObject(value) && Object.values(value).some(containsPlaceholder);
}

/** @returns `value` with every `db.vars.commitTs` in it replaced by the timestamp that it stood for. */
export function substitute(value: Value | undefined, ts: bigint): Value | undefined {
  if (value instanceof CommitTsPlaceholder) return ts;
  if (Array.isArray(value)) return value.map((element) => substitute(element, ts) ?? null);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, substitute(inner, ts)]));
}

function isPlainObject(value: Value | undefined): value is Record<string, Value | undefined> {
  return typeof value === "object" && value !== null && !(value instanceof ArrayBuffer) && !Array.isArray(value);
}
