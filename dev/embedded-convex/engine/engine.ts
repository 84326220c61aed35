/** The embedded backend's engine: runs a Convex app's functions on convex-test, with real storage, time and indexes. */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convexToJson } from "convex/values";
import { loadAppDefinition } from "../definition/load.js";
import { callFunction } from "./call-function.js";
import { installCommitHooks } from "./commits.js";
import { FileStore } from "./file-store.js";
import { createFunctionRegistry } from "./functions.js";
import { fetchHttpAction } from "./http-actions.js";
import { forgetQueries, installIndexedReads } from "./indexed-reads.js";
import type { Invocation } from "./invocation.js";
import { loadApp } from "./load-app.js";
import { EVERYTHING, ReadRecorder, tableKey, type CommitWrites } from "./read-sets.js";
import { StorageSyscalls } from "./storage-syscalls.js";
import { StoredFiles } from "./stored-files.js";
import { installSyscalls } from "./syscalls.js";
import { TableStores } from "./table-store.js";
import type { Commit, Engine, EngineOptions } from "./types.js";
import { UploadTokens } from "./upload-tokens.js";

export async function createEngine(options: EngineOptions): Promise<Engine> {
  process.setSourceMapsEnabled(true);
  const { projectDirectory, cloudUrl, siteUrl } = options;
  const definition = options.definition ?? (await loadAppDefinition(projectDirectory));
  const log = options.log ?? ((): void => undefined);
  const variables = new Map(Object.entries(options.env ?? {}));
  const scratchDirectory = await mkdtemp(join(tmpdir(), "embedded-convex-"));
  const invocations = new AsyncLocalStorage<Invocation>();
  // Work that a function's commit sets off, or that callers hand in, must not run as part of that function.
  const inCleanContext = AsyncLocalStorage.snapshot();
  const builtIn = { CONVEX_CLOUD_URL: cloudUrl, CONVEX_SITE_URL: siteUrl };
  const { internals, instances } = await loadApp({
    projectDirectory,
    definition,
    variables,
    builtIn,
    invocations,
    scratchDirectory,
    log,
  });

  const tables = new TableStores();
  const files = await FileStore.open(join(scratchDirectory, "files"));
  const storedFiles = new StoredFiles(files);
  const tokens = new UploadTokens(randomBytes(32).toString("hex"), Date.now);
  const storage = new StorageSyscalls(internals, files, tokens, cloudUrl);
  installSyscalls(internals, invocations, storage);
  installIndexedReads(internals, tables, invocations);

  const listeners = new Set<(commit: Commit) => void>();
  const publish = (commit: Commit): void => {
    for (const listener of listeners) inCleanContext(() => listener(commit));
  };
  installCommitHooks(internals, invocations, {
    beforeCommit: () => undefined,
    afterCommit: ({ ts, changes }) => {
      for (const [key, documents] of changes) {
        const table = tables.of(key);
        for (const change of documents) {
          table.apply(change.id, change.before, change.after);
          if (key.endsWith("\0_storage")) storedFiles.apply(table, change);
        }
      }
      if (changes.size > 0) publish({ ts, writes: changes });
    },
    afterTransaction: () => {
      forgetQueries(internals);
      storedFiles.discardUnnamed(storage.takeWritten());
    },
  });

  const functions = createFunctionRegistry(instances.values());
  const sourceRoot = projectDirectory;
  const latestTs = (): bigint => internals.global.transactionManager._lastCommitTs;
  const calls = { accessor: internals.accessor, functions, invocations, sourceRoot, latestTs };
  const http = { internals, instances, invocations, sourceRoot, log };
  return {
    call: async (call) => await inCleanContext(() => callFunction(calls, call)),
    fetchHttpAction: async (request, identity) =>
      await inCleanContext(() => fetchHttpAction(http, request, identity ?? null)),
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isAffected: (readSet, commit) =>
      // What `publish` was given.
      readSet instanceof ReadRecorder && readSet.isAffectedBy(commit.writes as CommitWrites | typeof EVERYTHING),
    latestTs,
    functions: () => functions.all(),
    tables: (componentPath) => {
      const names = new Set(Object.keys(instances.get(componentPath)?.schema?.tables ?? {}));
      for (const [key, { documents }] of tables.entries()) {
        const [path, table = ""] = key.split("\0");
        if (path === componentPath && documents.size > 0 && !table.startsWith("_")) names.add(table);
      }
      return [...names].sort();
    },
    readTable: (componentPath, table, { limit, order }) =>
      tables
        .of(tableKey(componentPath, table))
        .firstByCreation(limit, order)
        .map((document) => convexToJson(document)),
    env: {
      list: () => Object.fromEntries(variables),
      set: async (name, value) => {
        if (value === undefined) variables.delete(name);
        else variables.set(name, value);
        publish({ ts: latestTs(), writes: EVERYTHING });
      },
    },
    storage: {
      checkUploadToken: (token) => tokens.redeem(token),
      store: async (componentPath, bytes, contentType) => {
        const file = await files.write(bytes);
        await inCleanContext(() => storage.register(componentPath, file, contentType));
        const stored = storedFiles.find(file.uuid);
        if (stored === null) throw new Error("The file was deleted while it was being stored.");
        return stored;
      },
      open: (uuid) => storedFiles.find(uuid),
    },
    authProviders: () => [],
    close: async () => {
      listeners.clear();
      await rm(scratchDirectory, { recursive: true, force: true });
    },
  };
}
