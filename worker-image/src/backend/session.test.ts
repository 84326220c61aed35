/** What is repeated, how long, and what is not. */
import { describe, expect, it } from "vitest";
import { agentFactoryError } from "../../../src/shared/errors.js";
import { createLogger, SecretFilter } from "../logger.js";
import { FakeBackend } from "../testing/fake-backend.js";
import { FakeConnection } from "../testing/fake-connection.js";
import { FakeStorage } from "../testing/fake-storage.js";
import { monotonicMs } from "../timing.js";
import { BackendFailure, BackendUnavailable } from "./errors.js";
import { CallAborted, WorkerSession } from "./session.js";

function session() {
  const backend = new FakeBackend(new FakeStorage());
  backend.tokens.add("old");
  const connection = new FakeConnection(backend);
  const tokens = { workerId: "w", token: "old", settled: () => Promise.resolve() };
  const rejections: string[] = [];
  const logger = createLogger("silent", new SecretFilter());
  const calls = new WorkerSession(connection, tokens, logger, () => rejections.push(tokens.token));
  const beat = (policy?: Parameters<WorkerSession["mutate"]>[2]) =>
    calls.mutate("workerHeartbeat", (credentials) => credentials, policy);
  return { backend, connection, tokens, rejections, beat };
}

describe("WorkerSession", () => {
  it("repeats what got no answer until it is told to give up", async () => {
    const { connection, beat } = session();
    connection.fault = () => "before";
    const giveUpAtMs = monotonicMs() + 700;
    await expect(beat({ giveUpAtMs })).rejects.toThrow(BackendUnavailable);
    expect(connection.calls.length).toBeGreaterThan(1);
    expect(connection.calls.length).toBeLessThan(6);
    const once = connection.calls.length;
    await expect(beat({ giveUpAtMs: Number.NEGATIVE_INFINITY })).rejects.toThrow(BackendUnavailable);
    expect(connection.calls.length).toBe(once + 1);
  });

  it("repeats an untyped error a few times only", async () => {
    const { connection, beat } = session();
    connection.fault = (_call, earlier) => (earlier < 2 ? "failure" : undefined);
    expect(await beat()).toBe(true);
    connection.fault = () => "failure";
    const before = connection.calls.length;
    await expect(beat()).rejects.toThrow(BackendFailure);
    expect(connection.calls.length - before).toBe(5);
  });

  it("never repeats a typed error", async () => {
    const { connection, beat } = session();
    connection.fault = () => agentFactoryError("lease_lost", "lost");
    await expect(beat()).rejects.toMatchObject({ data: { kind: "lease_lost" } });
    expect(connection.calls).toHaveLength(1);
  });

  it("stops repeating when it is aborted", async () => {
    const { connection, beat } = session();
    connection.setConnected(false);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    await expect(beat({ signal: abort.signal })).rejects.toThrow(CallAborted);
    await expect(beat({ signal: abort.signal })).rejects.toThrow(CallAborted);
    expect(connection.calls).toEqual([]);
  });

  it("tries a token that was replaced meanwhile, and reports one that is refused for itself", async () => {
    const { backend, connection, tokens, rejections, beat } = session();
    backend.tokens.clear();
    backend.tokens.add("new");
    tokens.settled = async () => {
      tokens.token = "new";
    };
    expect(await beat()).toBe(true);
    expect(connection.calls).toHaveLength(2);
    expect(rejections).toEqual([]);
    backend.tokens.clear();
    await expect(beat()).rejects.toMatchObject({ data: { kind: "worker_rejected" } });
    expect(rejections).toEqual(["new"]);
  });
});
