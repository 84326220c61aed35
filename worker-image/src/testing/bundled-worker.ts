/** The bundle, built once for a test file, and a backend with storage that workers of it can be started against. */
import { afterAll, beforeAll } from "vitest";
import { CREDENTIAL, FakeBackend } from "./fake-backend.js";
import { FakeStorage } from "./fake-storage.js";
import { SyncServer } from "./sync-server.js";
import { temporaryDirectory, type OnTestFinished } from "./temporary.js";
import { buildWorker, startWorker } from "./worker-process.js";

/** Call it where the tests are declared. @returns the bundle's path, for use within a test */
export function useBundle(): () => string {
  let bundle = "";
  const afterwards: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    bundle = await buildWorker(await temporaryDirectory((cleanUp) => afterwards.push(cleanUp)));
  });
  afterAll(async () => {
    for (const cleanUp of afterwards) await cleanUp();
  });
  return () => bundle;
}

/** Everything but the worker, which `start` adds; all of it is gone when the test is over. */
export async function startSystem(bundle: string, atEnd: OnTestFinished) {
  const storage = new FakeStorage();
  await storage.start();
  const backend = new FakeBackend(storage);
  const server = new SyncServer(backend);
  const url = await server.start();
  atEnd(async () => {
    await server.stop();
    await storage.stop();
  });
  const root = await temporaryDirectory(atEnd);
  const start = (environment?: Record<string, string>, credential: string | null = CREDENTIAL) =>
    startWorker(bundle, { root, url, credential }, atEnd, environment);
  return { backend, storage, server, root, start };
}
