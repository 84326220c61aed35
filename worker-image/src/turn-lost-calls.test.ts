/** Turns come to their right end, whatever request or answer is lost on the way. */
import { describe, expect, it } from "vitest";
import { agentFactoryError } from "../../src/shared/errors.js";
import type { WorkerFunctionName } from "../../src/shared/worker-protocol.js";
import type { CallFault } from "./testing/fake-connection.js";
import { slowEcho, testSystem, until, untilOver } from "./testing/test-worker.js";
import { sleep } from "./timing.js";

describe.concurrent("lost requests and answers", () => {
  const calls: WorkerFunctionName[] = [
    "workerEnroll",
    "workerClaim",
    "workerHydrationBundle",
    "workerAppendTurnDelta",
    "workerPrepareSnapshotUpload",
    "workerFinalizeSnapshotUpload",
    "workerComplete",
    "workerHeartbeat",
  ];
  const faults: CallFault[] = ["before", "after", "failure"];
  for (const name of calls) {
    for (const fault of faults) {
      it(`${name}, ${String(fault)}: twice in a row change nothing about the result`, async ({ onTestFinished }) => {
        const { backend, start, log } = await testSystem(onTestFinished);
        const { connection } = await start();
        connection.fault = (call, earlier) => (call.name === name && earlier < 2 ? fault : undefined);
        const first = await untilOver(backend.enqueue("c", "remember figs"));
        const second = await untilOver(backend.enqueue("c", "list notes"));
        expect([first.status, second.status]).toEqual(["done", "done"]);
        expect(first.streamed).toBe(first.reply);
        expect(second.reply).toContain("I keep 1 note:\n1. figs\n");
        expect([first.attempts, second.attempts]).toEqual([1, 1]);
        expect(log.join("")).not.toContain("unexpected");
      });
    }
  }

  it("of a claim that comes late is run all the same", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start();
    connection.fault = ({ name }, earlier) => (name === "workerClaim" && earlier === 0 ? "after" : undefined);
    const message = await untilOver(backend.enqueue("c", "hello"));
    expect(message).toMatchObject({ status: "done", attempts: 1 });
    expect(backend.leases.size).toBe(0);
  });

  it("of a claim that never comes leave no lease behind: it is handed out again", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, conversationsPerWorker: 1 };
    const { connection } = await start();
    connection.fault = ({ name }, earlier) => (name === "workerClaim" && earlier < 2 ? "never" : undefined);
    expect(await untilOver(backend.enqueue("c", "hello"))).toMatchObject({ status: "done", attempts: 1 });
    expect(backend.leases.size).toBe(0);
  });

  it("of a claim that was given up leave no lease behind either: the next claim brings it", async ({
    onTestFinished,
  }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, conversationsPerWorker: 1 };
    const { connection } = await start();
    const refusal = new Error("An error without a type.");
    connection.fault = ({ name }, earlier) =>
      name === "workerClaim" && earlier < 2 ? (earlier === 0 ? "never" : refusal) : undefined;
    const first = backend.enqueue("c", "hello");
    await until(() => connection.callsOf("workerClaim").length >= 2);
    const second = await untilOver(backend.enqueue("d", "hello"));
    expect(await untilOver(first)).toMatchObject({ status: "done", attempts: 1 });
    expect(second).toMatchObject({ status: "done", attempts: 1 });
  });

  it("of claims that were given up are asked for soon again, without anything else happening", async ({
    onTestFinished,
  }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start();
    connection.fault = ({ name }, earlier) =>
      name === "workerClaim" && earlier < 3 ? new Error("An error without a type.") : undefined;
    // The tests' patience is less than the half minute after which a lost wake-up is made up for.
    expect(await untilOver(backend.enqueue("c", "hello"))).toMatchObject({ status: "done", attempts: 1 });
    expect(connection.callsOf("workerClaim").length).toBeLessThan(8);
  });

  it("(none at all) of an agent that was deleted end its message with one sentence", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start();
    const gone = agentFactoryError("agent_not_found", 'Agent "a" was removed while its message was running.');
    connection.fault = ({ name }) => (name === "workerHydrationBundle" ? gone : undefined);
    const message = await untilOver(backend.enqueue("c", "hello"));
    expect(message).toMatchObject({
      status: "failed",
      attempts: 1,
      errorKind: "agent_removed",
      error: gone.data.message,
    });
  });

  it("of a failure report do not fail the message twice", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start();
    connection.fault = ({ name }, earlier) => (name === "workerFail" && earlier === 0 ? "after" : undefined);
    const message = await untilOver(backend.enqueue("c", `remember ${"x".repeat(3_000)}`));
    expect(message).toMatchObject({ status: "failed", attempts: 1, error: "A note has at most 2000 characters." });
  });

  it("an outage in mid-turn delays the answer and loses nothing of it", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start({ createRuntime: slowEcho });
    const message = backend.enqueue("c", "one two three four five six seven");
    await until(() => message.streamed.length > 0);
    connection.setConnected(false);
    await sleep(700);
    expect(message.status).toBe("processing");
    connection.setConnected(true);
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 1 });
    expect(message.streamed).toBe(message.reply);
  });
});
