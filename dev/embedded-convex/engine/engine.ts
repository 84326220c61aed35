/** The embedded backend's engine: runs a Convex app's functions on convex-test, with real storage, time and indexes. */
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { loadAppDefinition } from "../definition/load.js";
import { countOpen, listTables, measure, readTable, seed } from "./admin.js";
import { loadAuthConfig } from "./auth-config.js";
import { Calls } from "./calls.js";
import { Clock } from "./clock.js";
import { CommitPublisher } from "./commit-publisher.js";
import { installCommitHooks } from "./commits.js";
import { databaseOf } from "./convex-test-internals.js";
import { Crons } from "./crons.js";
import { DeploymentState } from "./deployment-state.js";
import { installDocumentLimits } from "./document-limits.js";
import { FileStore } from "./file-store.js";
import { fetchHttpAction } from "./http-actions.js";
import { forgetQueries, installIndexedReads } from "./indexed-reads.js";
import type { Invocation } from "./invocation.js";
import { JobRetention } from "./job-retention.js";
import { loadApp } from "./load-app.js";
import {
  EVERYTHING,
  ReadRecorder,
  splitTableKey,
  tableKey,
  type CommitWrites,
  type DocumentChange,
} from "./read-sets.js";
import { rehearse } from "./rehearse.js";
import { JOBS_TABLE } from "./schedule-syscalls.js";
import { Scheduler } from "./scheduler.js";
import { StorageSyscalls } from "./storage-syscalls.js";
import { StoredFiles } from "./stored-files.js";
import { installSyscalls } from "./syscalls.js";
import type { EmbeddedEngine, EngineOptions } from "./types.js";
import { UploadTokens } from "./upload-tokens.js";

/** Tables whose rows have a meaning to the engine. */
const FOLLOWED_TABLES = new Set(["_storage", JOBS_TABLE]);

/**
 * Opens the deployment in `options.dataDirectory`, as the last process left it, with the functions as they are now.
 *
 * @throws in plain English if the app cannot be loaded, the directory is in use or damaged, or an unknown version of
 *   convex-test is installed.
 */
export async function createEngine(options: EngineOptions): Promise<EmbeddedEngine> {
  // Without a data directory, stored files still need a place: one that goes when the engine does.
  const temporary = options.dataDirectory === null ? await mkdtemp(join(tmpdir(), "embedded-convex-")) : null;
  const removeTemporary = async (): Promise<void> => {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  };
  let state: DeploymentState | null = null;
  try {
    state = await DeploymentState.open(options.dataDirectory);
    return await assemble(options, state, options.dataDirectory ?? temporary ?? "", removeTemporary);
  } catch (error) {
    await state?.close();
    await removeTemporary();
    throw error;
  }
}

async function assemble(
  options: EngineOptions,
  state: DeploymentState,
  home: string,
  removeTemporary: () => Promise<void>,
): Promise<EmbeddedEngine> {
  // Traces of functions name the lines of their sources, not of the bundles.
  process.setSourceMapsEnabled(true);
  const { projectDirectory, cloudUrl, siteUrl } = options;
  const clock = new Clock();
  const now = (): number => clock.now();
  const invocations = new AsyncLocalStorage<Invocation>();
  // What a commit sets off must not run as part of the function that committed; nor must the log, whose writer may use
  // the `console` that functions see replaced by one that logs.
  const inCleanContext = AsyncLocalStorage.snapshot();
  const log = (line: string): void => inCleanContext(() => options.log?.(line));
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (state.variables.get(name) !== value) state.save({ env: { [name]: value } });
  }
  const definition = options.definition ?? (await loadAppDefinition(projectDirectory));
  const { tables, variables } = state;
  const builtIn = { CONVEX_CLOUD_URL: cloudUrl, CONVEX_SITE_URL: siteUrl };
  const { transactionTimeoutMs } = options;
  const surroundings = {
    projectDirectory,
    definition,
    variables,
    builtIn,
    invocations,
    bundleDirectory: join(home, "modules"),
    clock,
    log,
    transactionTimeoutMs,
  };
  const { internals, instances, functions, guard } = await loadApp(surroundings);
  const app = instances.get("");
  if (app === undefined) throw new Error("The app's definition has no root.");
  const { directory } = app.instance;
  const authProviders = await loadAuthConfig(definition.authConfigFile, directory, app.environment.process);
  const manager = internals.global.transactionManager;
  const wallClockTs = BigInt(now()) * 1_000_000n;
  manager._lastCommitTs = state.newestTs < wallClockTs ? wallClockTs : state.newestTs + 1n;
  for (const path of instances.keys()) state.fill(databaseOf(internals, path));

  const jobs = { internals, functions, invocations, sourceRoot: projectDirectory, log, now };
  const findJob = (ownerPath: string, id: string) => tables.of(tableKey(ownerPath, JOBS_TABLE)).documents.get(id);
  const scheduler = new Scheduler(clock, jobs, findJob, inCleanContext);
  const saveCronRun = (cron: string, time: number): void => state.save({ crons: { [cron]: time } });
  const crons = new Crons(instances.values(), clock, jobs, state.cronRuns, saveCronRun);
  const retention = new JobRetention(internals, now, log);
  const files = await FileStore.open(join(home, "files"));
  const storedFiles = new StoredFiles(files);
  const noteTokenUse = (nonce: string, expiry: number): void => state.save({ usedTokens: { [nonce]: expiry } });
  const tokens = new UploadTokens(state.uploadKey, state.usedTokens, noteTokenUse, now);
  const storage = new StorageSyscalls(internals, files, tokens, cloudUrl);
  installSyscalls({ internals, invocations, functions, guard, storage, now });
  installDocumentLimits(internals);
  installIndexedReads(internals, tables, invocations);

  const follow = (key: string, change: DocumentChange): void => {
    const { componentPath, table } = splitTableKey(key);
    if (table === "_storage") storedFiles.apply(tables.of(key), change);
    if (table !== JOBS_TABLE) return;
    scheduler.apply(componentPath, change);
    retention.apply(componentPath, change);
  };
  for (const [key, { documents }] of tables.entries()) {
    if (!FOLLOWED_TABLES.has(splitTableKey(key).table)) continue;
    for (const [id, document] of documents) follow(key, { id, before: null, after: document });
  }
  await files.removeAllBut(storedFiles.names());

  const publisher = new CommitPublisher(inCleanContext, log);
  const database = (path: string) => databaseOf(internals, path);
  const mountedDatabase = (path: string) => (instances.has(path) ? database(path) : null);
  const onCompactionError = (error: unknown): void => log(`[CONVEX] A snapshot could not be written: ${String(error)}`);
  installCommitHooks(internals, invocations, {
    beforeCommit: (commit, invocation) => state.saveCommit(commit, invocation, database),
    afterCommit: ({ ts, changes }) => {
      for (const [key, documents] of changes) {
        const table = tables.of(key);
        for (const change of documents) {
          table.apply(change.id, change.before, change.after);
          follow(key, change);
        }
      }
      if (changes.size > 0) publisher.publish({ ts, writes: changes });
      state.compactIfDue(mountedDatabase, onCompactionError);
    },
    afterTransaction: () => {
      forgetQueries(internals);
      storedFiles.discardUnnamed(storage.takeWritten());
    },
  });

  const latestTs = (): bigint => manager._lastCommitTs;
  const surroundingsOfCalls = {
    accessor: internals.accessor,
    functions,
    invocations,
    sourceRoot: projectDirectory,
    latestTs,
  };
  const calls = new Calls(surroundingsOfCalls, state.answers, inCleanContext);
  const http = { internals, instances, invocations, sourceRoot: projectDirectory, log };
  await scheduler.start();
  crons.start();
  return {
    call: async (call) => await calls.call(call),
    fetchHttpAction: async (request, identity) =>
      await calls.track(() => fetchHttpAction(http, request, identity ?? null)),
    onCommit: (listener) => publisher.subscribe(listener),
    // `writes` of a commit is what `publish` was given.
    isAffected: (readSet, { writes }) =>
      readSet instanceof ReadRecorder && readSet.isAffectedBy(writes as CommitWrites | typeof EVERYTHING),
    latestTs,
    functions: () => functions.all(),
    tables: (componentPath) => listTables(tables, instances, componentPath),
    readTable: (componentPath, table, page) => readTable(tables, componentPath, table, page),
    env: {
      list: () => Object.fromEntries(variables),
      set: async (name, value) => {
        state.save({ env: { [name]: value ?? null } });
        publisher.publish({ ts: latestTs(), writes: EVERYTHING });
      },
    },
    storage: {
      checkUploadToken: (token) => tokens.redeem(token),
      store: async (componentPath, bytes, contentType) =>
        await calls.track(async () => {
          const file = await files.write(bytes);
          await storage.register(componentPath, file, contentType);
          const stored = storedFiles.find(file.uuid);
          if (stored === null) throw new Error("The file was deleted while it was being stored.");
          return stored;
        }),
      open: (uuid) => storedFiles.find(uuid),
    },
    authProviders,
    measure: async (path, name, args) => await calls.track(() => measure(internals, functions, path, name, args)),
    rehearse: async (path, name, args) =>
      await calls.track(() => rehearse(internals, functions, invocations, path, name, args)),
    seed: async (path, table, documents) => await calls.track(() => seed(internals, path, table, documents)),
    advanceClock: (ms) => clock.advance(ms),
    diagnostics: () => ({ ...countOpen(internals), pendingJobs: scheduler.size, finishedJobs: retention.size }),
    removeOldJobs: async () => await calls.track(() => retention.removeOld()),
    close: async () => {
      scheduler.stop();
      crons.stop();
      retention.stop();
      await calls.close(() => [...scheduler.inFlight, ...crons.inFlight]);
      publisher.close();
      await state.close();
      await removeTemporary();
    },
  };
}
