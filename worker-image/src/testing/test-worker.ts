/** A whole worker within the test's process, against the fake backend and real storage over HTTP. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { createLogger, SecretFilter } from "../logger.js";
import { configureRuntime } from "../runtimes/registry.js";
import type { Runtime, RuntimeContext } from "../runtimes/runtime.js";
import { Worker } from "../worker.js";
import { conversationPaths } from "../workspaces/paths.js";
import { CREDENTIAL, FakeBackend, type FakeMessage } from "./fake-backend.js";
import { FakeConnection } from "./fake-connection.js";
import { FakeStorage } from "./fake-storage.js";
import { temporaryDirectory, type OnTestFinished } from "./temporary.js";

export type TestSystem = {
  backend: FakeBackend;
  storage: FakeStorage;
  directory: string;
  /** Everything the workers of this system have logged. */
  log: string[];
  start(options?: StartOptions): Promise<TestWorker>;
};

export type StartOptions = {
  createRuntime?: (context: RuntimeContext) => Runtime;
  workerId?: string;
  directory?: string;
  signalGraceMs?: number;
  /** Asked before each call, from the first one on. */
  fault?: FakeConnection["fault"];
  mapInbox?: FakeConnection["mapInbox"];
};

export type TestWorker = {
  worker: Worker;
  connection: FakeConnection;
  filter: SecretFilter;
  exit: Promise<number>;
  dataDirectory: string;
  /** A file of a conversation's workspace. */
  file(conversationId: string, name: string): string;
};

/** How long anything may take on a machine that is busy with other tests. */
export const PATIENCE = { timeout: 20_000, interval: 10 };

export const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), PATIENCE);

export async function untilOver(message: FakeMessage): Promise<FakeMessage> {
  await until(() => message.status === "done" || message.status === "failed");
  return message;
}

export const quickEcho = configureRuntime("echo", { AGENT_FACTORY_ECHO_DELAY_MS: "0" });
export const slowEcho = configureRuntime("echo", { AGENT_FACTORY_ECHO_DELAY_MS: "50" });

export async function testSystem(atEnd: OnTestFinished): Promise<TestSystem> {
  const directory = await temporaryDirectory(atEnd);
  const storage = new FakeStorage();
  await storage.start();
  atEnd(() => storage.stop());
  const backend = new FakeBackend(storage);
  const log: string[] = [];
  const credentialFile = join(directory, "credential");
  await writeFile(credentialFile, `${CREDENTIAL}\n`);

  return {
    backend,
    storage,
    directory,
    log,
    async start({ createRuntime = quickEcho, workerId = "worker-1", directory: place = directory, ...options } = {}) {
      const dataDirectory = join(place, "data");
      await mkdir(dataDirectory, { recursive: true });
      const connection = new FakeConnection(backend);
      if (options.fault !== undefined) connection.fault = options.fault;
      if (options.mapInbox !== undefined) connection.mapInbox = options.mapInbox;
      const filter = new SecretFilter();
      const worker = new Worker({
        config: {
          convexUrl: "http://127.0.0.1:1",
          functionsModule: "agentFactory",
          workerId,
          enrollmentFile: join(place, "credential"),
          dataDirectory,
          runtime: "echo",
          skillsDirectory: join(place, "image-skills"),
          healthPort: 0,
          logLevel: "debug",
        },
        connection,
        createRuntime,
        filter,
        ...(options.signalGraceMs !== undefined && { signalGraceMs: options.signalGraceMs }),
        logger: createLogger("debug", filter, { write: (line) => void log.push(line) }),
      });
      const exit = worker.run();
      exit.catch(() => {});
      atEnd(async () => {
        backend.setState("stop");
        worker.shutDown();
        connection.setConnected(true);
        await exit.catch(() => {});
      });
      const file = (conversationId: string, name: string) =>
        join(conversationPaths(dataDirectory, conversationId).workspace, name);
      return { worker, connection, filter, exit, dataDirectory, file };
    },
  };
}
