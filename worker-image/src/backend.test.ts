/** The stock Convex client against a server that loses sockets and answers. */
import { describe, expect, it } from "vitest";
import { isAgentFactoryError } from "../../src/shared/errors.js";
import type { Inbox } from "../../src/shared/worker-protocol.js";
import { ConvexConnection } from "./backend.js";
import { BackendFailure, BackendUnavailable } from "./backend/errors.js";
import { createLogger, SecretFilter } from "./logger.js";
import { CREDENTIAL, FakeBackend } from "./testing/fake-backend.js";
import { FakeStorage } from "./testing/fake-storage.js";
import { SyncServer } from "./testing/sync-server.js";
import type { OnTestFinished } from "./testing/temporary.js";
import { until } from "./testing/test-worker.js";
import { monotonicMs } from "./timing.js";

const TOKEN = "t".repeat(43);
const credentials = { workerId: "w", workerToken: TOKEN };

async function connected(atEnd: OnTestFinished, functionsModule = "agentFactory") {
  const storage = new FakeStorage();
  await storage.start();
  const backend = new FakeBackend(storage);
  backend.tokens.add(TOKEN);
  const server = new SyncServer(backend);
  const url = await server.start();
  const connection = new ConvexConnection(url, functionsModule, createLogger("silent", new SecretFilter()));
  atEnd(async () => {
    await connection.close();
    await server.stop();
    await storage.stop();
  });
  return { backend, server, connection, url };
}

const options = { timeoutMs: 15_000 };

describe.concurrent("ConvexConnection", () => {
  it("calls, reads and follows the inbox", async ({ onTestFinished }) => {
    const { backend, connection } = await connected(onTestFinished);
    expect(await connection.mutate("workerHeartbeat", credentials, options)).toBe(true);
    expect(await connection.query("workerControlState", credentials, options)).toEqual({ shouldStop: false });
    expect(connection.isConnected).toBe(true);
    const seen: Inbox[] = [];
    const stop = connection.watchInbox(
      { ...credentials, wantsWork: true },
      (inbox) => seen.push(inbox),
      () => {},
    );
    await until(() => seen.length > 0);
    expect(seen[0]).toEqual({ state: "run", work: null, leaseIds: [] });
    backend.enqueue("c", "hello");
    await until(() => seen.at(-1)?.work !== null);
    stop();
    const count = seen.length;
    backend.setState("drain");
    expect(await connection.query("workerControlState", credentials, options)).toEqual({ shouldStop: true });
    expect(seen).toHaveLength(count);
  });

  it("waits for nothing any more once it is told so, but for the answer to what was sent", async ({
    onTestFinished,
  }) => {
    const { connection, server } = await connected(onTestFinished);
    await connection.query("workerControlState", credentials, options);
    const abort = new AbortController();
    const stoppable = { ...options, signal: abort.signal };
    const sent = connection.mutate("workerHeartbeat", credentials, stoppable);
    abort.abort();
    expect(await sent).toBe(true);
    const asked = connection.query("workerControlState", credentials, stoppable);
    await expect(asked).rejects.toThrow(BackendUnavailable);

    await server.stop();
    await until(() => !connection.isConnected);
    const ending = new AbortController();
    const before = monotonicMs();
    const unsent = connection.mutate("workerHeartbeat", credentials, { ...options, signal: ending.signal });
    setTimeout(() => ending.abort(), 20);
    await expect(unsent).rejects.toThrow(BackendUnavailable);
    expect(monotonicMs() - before).toBeLessThan(10_000);
  });

  it("passes typed errors on as they are, and others without the arguments", async ({ onTestFinished }) => {
    const { connection } = await connected(onTestFinished);
    const wrong = { workerId: "w", workerToken: "wrong" };
    const typed = await connection.mutate("workerHeartbeat", wrong, options).catch((error: unknown) => error);
    expect(isAgentFactoryError(typed, "worker_rejected")).toBe(true);
    const queried = await connection.query("workerControlState", wrong, options).catch((error: unknown) => error);
    expect(isAgentFactoryError(queried, "worker_rejected")).toBe(true);
    const inbox = await new Promise((resolve) =>
      connection.watchInbox({ ...wrong, wantsWork: true }, () => {}, resolve),
    );
    expect(isAgentFactoryError(inbox, "worker_rejected")).toBe(true);

    const withExtra = { ...credentials, unknown: "x" };
    await expect(connection.mutate("workerHeartbeat", withExtra, options)).rejects.toThrow(BackendFailure);
  });

  it("gets the one answer to a mutation whose answer went down with the socket", async ({ onTestFinished }) => {
    const { backend, connection, server } = await connected(onTestFinished);
    let drops = 2;
    server.fault = () => (drops-- > 0 ? "drop" : undefined);
    expect(await connection.mutate("workerHeartbeat", credentials, { timeoutMs: 60_000 })).toBe(true);
    expect(backend.heartbeats).toBe(1);
    expect(server.connections).toBeGreaterThan(1);
  });

  it("says within the time given that there is no backend, and connects when there is", async ({ onTestFinished }) => {
    const { backend, connection, server, url } = await connected(onTestFinished);
    expect(await connection.mutate("workerHeartbeat", credentials, options)).toBe(true);
    const changes: boolean[] = [];
    connection.onConnectionChange((isConnected) => changes.push(isConnected));
    await server.stop();
    await until(() => !connection.isConnected);
    const startedAt = monotonicMs();
    await expect(connection.mutate("workerHeartbeat", credentials, { timeoutMs: 300 })).rejects.toThrow(
      BackendUnavailable,
    );
    await expect(connection.query("workerControlState", credentials, { timeoutMs: 300 })).rejects.toThrow(
      BackendUnavailable,
    );
    expect(monotonicMs() - startedAt).toBeLessThan(10_000);

    const again = new SyncServer(backend);
    await again.start(Number(new URL(url).port));
    onTestFinished(() => again.stop());
    await until(() => connection.isConnected);
    expect(changes).toContain(false);
    expect(changes.at(-1)).toBe(true);
    expect(await connection.mutate("workerHeartbeat", credentials, options)).toBe(true);
    // The calls that were given up were never sent.
    expect(backend.heartbeats).toBe(2);
  });

  it("hands over an answer that came too late", async ({ onTestFinished }) => {
    const { backend, connection, server } = await connected(onTestFinished);
    await connection.mutate("workerHeartbeat", credentials, options);
    backend.enqueue("c", "hello");
    let isHanging = true;
    server.fault = () => (isHanging ? "ignore" : undefined);
    let announce: (result: unknown) => void = () => {};
    const late = new Promise<unknown>((resolve) => (announce = resolve));
    const claim = connection.mutate("workerClaim", credentials, { timeoutMs: 200, onLateResult: announce });
    await expect(claim).rejects.toThrow("did not answer workerClaim");
    isHanging = false;
    connection.reconnect("test");
    expect(await late).toMatchObject({ messageId: "message-1", attempt: 1 });
    expect(backend.leases.size).toBe(1);
  });

  it("connects at once after it was cut on purpose, also when the network is not back yet", async ({
    onTestFinished,
  }) => {
    const { connection, server } = await connected(onTestFinished);
    expect(await connection.mutate("workerHeartbeat", credentials, options)).toBe(true);
    const startedAt = monotonicMs();
    const cuts = 10;
    for (let cut = 1; cut <= cuts; cut++) {
      server.refusals = cut % 2;
      const before = server.connections;
      connection.reconnect("test");
      await until(() => server.connections > before && connection.isConnected);
    }
    // The client's own backoff is half a second at least, each time, and more after a refusal.
    expect(monotonicMs() - startedAt).toBeLessThan(cuts * 500);
  });

  it("enrolls like any other call, and is closed for good", async ({ onTestFinished }) => {
    const { backend, connection } = await connected(onTestFinished);
    const args = { ...credentials, enrollmentCredential: CREDENTIAL };
    expect(await connection.mutate("workerEnroll", args, options)).toEqual(backend.enrollment);
    await connection.close();
    await expect(connection.mutate("workerHeartbeat", credentials, options)).rejects.toThrow(BackendUnavailable);
    expect(connection.isConnected).toBe(false);
  });
});
