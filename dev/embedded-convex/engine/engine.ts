/** The embedded backend's engine: runs a Convex app's functions on convex-test, with real storage, time and indexes. */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convexToJson } from "convex/values";
import type { ComponentInstance } from "../definition.js";
import { loadAppDefinition } from "../definition/load.js";
import { ownPackageSources } from "../definition/project-files.js";
import { bundleInstance, type Bundle } from "./bundle-modules.js";
import { callFunction } from "./call-function.js";
import { installCommitHooks, tableOfId, type PendingCommit } from "./commits.js";
import { openConvexTest, type ConvexTestInternals } from "./convex-test-internals.js";
import { FileStore } from "./file-store.js";
import { createFunctionRegistry } from "./functions.js";
import { hiddenFields } from "./hidden-fields.js";
import { fetchHttpAction, wrapRouter } from "./http-actions.js";
import { createInstanceEnvironment, type InstanceEnvironment } from "./instance-environment.js";
import { asModuleGlob, loadInstance, type LoadedInstance } from "./instance-modules.js";
import type { Invocation } from "./invocation.js";
import { EVERYTHING, ReadRecorder, tableKey, type CommitWrites } from "./read-sets.js";
import { createHandlerRunner } from "./run-handler.js";
import { StorageSyscalls } from "./storage-syscalls.js";
import { installSyscalls } from "./syscalls.js";
import type { Commit, Engine, EngineOptions, StoredFile } from "./types.js";
import { UploadTokens } from "./upload-tokens.js";

export async function createEngine(options: EngineOptions): Promise<Engine> {
  process.setSourceMapsEnabled(true);
  const definition = options.definition ?? (await loadAppDefinition(options.projectDirectory));
  const log = options.log ?? ((): void => undefined);
  const variables = new Map(Object.entries(options.env ?? {}));
  const scratch = await mkdtemp(join(tmpdir(), "embedded-convex-"));
  const invocations = new AsyncLocalStorage<Invocation>();
  const inCleanContext = AsyncLocalStorage.snapshot();

  let opened: ConvexTestInternals | null = null;
  const internalsNow = (): ConvexTestInternals => {
    if (opened === null) throw new Error("A module called a Convex function while it was being loaded.");
    return opened;
  };
  // convex-test's storage of overrides exists only after it was opened, which needs the modules; a first, empty one gives it.
  const { overridesStorage } = await openConvexTest(null, { "./_generated/api.js": async () => ({}) });
  const runHandler = createHandlerRunner({ overridesStorage, invocations, log, internals: internalsNow });

  const instances = new Map<string, LoadedInstance>();
  const builtIn = { CONVEX_CLOUD_URL: options.cloudUrl, CONVEX_SITE_URL: options.siteUrl };
  const ownSources = await ownPackageSources(options.projectDirectory);
  const bundlesByDirectory = new Map<string, Bundle[]>();
  const load = async (instance: ComponentInstance, parent: InstanceEnvironment | null): Promise<void> => {
    const environment = createInstanceEnvironment(instance, parent, variables, builtIn);
    const folder = join(scratch, `instance-${instances.size}`);
    const bundles =
      bundlesByDirectory.get(instance.directory) ??
      (await bundleInstance(instance, join(folder, "convex.mjs"), ownSources));
    bundlesByDirectory.set(instance.directory, bundles);
    const file = (bundle: Bundle): string => join(folder, `${bundle.runtime}.mjs`);
    const loaded = await loadInstance(instance, environment, bundles, file, overridesStorage, runHandler);
    wrapRouter(loaded, runHandler);
    instances.set(instance.path, loaded);
    for (const child of instance.children) await load(child, environment);
  };
  await load(definition.root, null);
  const root = instances.get("");
  if (root === undefined) throw new Error("The app has no root component.");
  const internals = await openConvexTest(root.schema, asModuleGlob(root));
  opened = internals;
  for (const [path, loaded] of instances) {
    if (path !== "") internals.accessor.registerComponent(path, loaded.schema, asModuleGlob(loaded));
  }

  const files = await FileStore.open(join(scratch, "files"));
  const tokens = new UploadTokens(randomBytes(32).toString("hex"), Date.now);
  const storage = new StorageSyscalls(internals, files, tokens, options.cloudUrl);
  installSyscalls(internals, { storage });
  noteReads(internals, invocations);

  const storageIds = new Map<string, { componentPath: string; storageId: string }>();
  const listeners = new Set<(commit: Commit) => void>();
  const manager = internals.global.transactionManager;
  const publish = (commit: Commit): void => {
    for (const listener of listeners) inCleanContext(() => listener(commit));
  };
  installCommitHooks(internals, invocations, {
    beforeCommit: () => undefined,
    afterCommit: (commit: PendingCommit) => {
      for (const [key, changes] of commit.changes) {
        const [componentPath = "", table] = key.split("\0");
        if (table !== "_storage") continue;
        for (const { id, before, after } of changes) {
          const uuid = hiddenFields(after ?? before).fileUuid;
          if (uuid === undefined) continue;
          if (after !== null) storageIds.set(uuid, { componentPath, storageId: id });
          else {
            storageIds.delete(uuid);
            void files.delete(uuid);
          }
        }
      }
      if (commit.changes.size > 0) publish({ ts: commit.ts, writes: commit.changes });
    },
    afterTransaction: () => {
      for (const uuid of storage.takeWritten()) if (!storageIds.has(uuid)) void files.delete(uuid);
    },
  });

  const functions = createFunctionRegistry(instances.values());
  const sourceRoot = options.projectDirectory;
  const latestTs = (): bigint => manager._lastCommitTs;
  const describeFile = (uuid: string): StoredFile | null => {
    const found = storageIds.get(uuid);
    const document =
      found === undefined
        ? undefined
        : internals.global.components[found.componentPath]?.db._documents[found.storageId];
    if (found === undefined || document === undefined) return null;
    const { sha256, size, contentType } = document;
    return {
      storageId: found.storageId,
      contentType: typeof contentType === "string" ? contentType : null,
      sha256Hex: Buffer.from(String(sha256), "base64").toString("hex"),
      size: Number(size),
      path: files.path(uuid),
    };
  };
  return {
    call: async (call) =>
      await inCleanContext(() =>
        callFunction({ accessor: internals.accessor, functions, invocations, sourceRoot, latestTs }, call),
      ),
    fetchHttpAction: async (request, identity) =>
      await inCleanContext(() =>
        fetchHttpAction({ internals, instances, invocations, sourceRoot, log }, request, identity ?? null),
      ),
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isAffected: (readSet, commit) => {
      if (!(readSet instanceof ReadRecorder)) return false;
      // `writes` of a commit come from `publish` above.
      return readSet.isAffectedBy(commit.writes as CommitWrites | typeof EVERYTHING);
    },
    latestTs,
    functions: () => functions.all(),
    tables: (componentPath) => {
      const names = new Set(Object.keys(instances.get(componentPath)?.schema?.tables ?? {}));
      for (const id of Object.keys(internals.global.components[componentPath]?.db._documents ?? {}))
        names.add(tableOfId(id));
      return [...names].filter((name) => !name.startsWith("_")).sort();
    },
    readTable: (componentPath, table, { limit, order }) => {
      const documents = Object.values(internals.global.components[componentPath]?.db._documents ?? {})
        .filter((document) => tableOfId(document._id) === table)
        .sort((a, b) => a._creationTime - b._creationTime);
      if (order === "desc") documents.reverse();
      return documents.slice(0, limit).map((document) => convexToJson(document));
    },
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
        const stored = describeFile(file.uuid);
        if (stored === null) throw new Error("The file was deleted while it was being stored.");
        return stored;
      },
      open: describeFile,
    },
    authProviders: () => [],
    close: async () => {
      listeners.clear();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

function noteReads({ global }: ConvexTestInternals, invocations: AsyncLocalStorage<Invocation>): void {
  for (const [componentPath, { db }] of Object.entries(global.components)) {
    const get = db.get.bind(db);
    const resolve = db._resolveQuerySource.bind(db);
    db.get = (table, id) => {
      invocations.getStore()?.reads?.readDocument(tableKey(componentPath, tableOfId(id)), id);
      return get(table, id);
    };
    db._resolveQuerySource = (query) => {
      const { source } = query;
      const table = source.type === "FullTableScan" ? source.tableName : (source.indexName.split(".")[0] ?? "");
      invocations.getStore()?.reads?.readTable(tableKey(componentPath, table));
      return resolve(query);
    };
  }
}
