/** Turns from claim to end, whatever call, answer, file or process is lost on the way. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentFactoryError } from "../../src/shared/errors.js";
import type { WorkerFunctionName } from "../../src/shared/worker-protocol.js";
import { EXIT_DONE } from "./exit-codes.js";
import type { CallFault } from "./testing/fake-connection.js";
import { turnInput } from "./testing/turn-input.js";
import { quickEcho, slowEcho, testSystem, until, untilOver } from "./testing/test-worker.js";
import type { Runtime, RuntimeContext, RuntimeEvent } from "./runtimes/runtime.js";
import { sleep, untilAborted } from "./timing.js";

/** The echo runtime with its turn replaced. */
function runtimeWith(turn: (context: RuntimeContext, signal: AbortSignal) => AsyncIterable<RuntimeEvent>) {
  return (context: RuntimeContext): Runtime => {
    const echo = quickEcho(context);
    let abort = new AbortController();
    return {
      capabilities: echo.capabilities,
      start: (input) => echo.start(input),
      health: () => echo.health(),
      runTurn: () => {
        abort = new AbortController();
        return turn(context, abort.signal);
      },
      abort: async () => abort.abort(),
      quiesce: () => echo.quiesce(),
      stop: () => echo.stop(),
      snapshotExcludes: () => echo.snapshotExcludes(),
    };
  };
}

describe.concurrent("a turn", () => {
  it("streams, saves and completes; the next one finds what it left", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    const { connection, file } = await start();
    const first = await untilOver(backend.enqueue("c", "remember the sea is salty"));
    expect(first).toMatchObject({ status: "done", attempts: 1 });
    expect(first.reply).toContain("I keep 1 note now.");
    expect(first.streamed).toBe(first.reply);
    expect([...first.tools.values()]).toEqual(["done"]);
    expect(first.usage).toMatchObject({ inputTokens: 5 });
    expect(await readFile(file("c", "notes.md"), "utf8")).toBe("- the sea is salty\n");

    const second = await untilOver(backend.enqueue("c", "Is the sea salty?"));
    expect(second.reply).toContain("1. the sea is salty");
    // Nothing had to be fetched, and nothing that had not changed was uploaded.
    expect([storage.downloads, storage.uploads]).toEqual([0, 1]);
    expect(connection.callsOf("workerPrepareSnapshotUpload")).toHaveLength(1);
  });

  it("continues on another worker from the snapshot alone", async ({ onTestFinished }) => {
    const system = await testSystem(onTestFinished);
    const first = await system.start();
    await untilOver(system.backend.enqueue("c", "remember plums"));
    first.worker.shutDown();
    expect(await first.exit).toBe(0);

    system.backend.isDrained = false;
    system.backend.tokens.clear();
    const elsewhere = join(system.directory, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "credential"), "one-time-credential-0123456789");
    await system.start({ directory: elsewhere, workerId: "worker-2" });
    const message = await untilOver(system.backend.enqueue("c", "list notes"));
    expect(message.reply).toContain("1. plums");
    expect(system.storage.downloads).toBe(1);
  });

  it("starts from the snapshot that is current, not from a later one of its own", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    await start();
    await untilOver(backend.enqueue("c", "remember one"));
    const earlier = backend.pointers.get("c");
    await untilOver(backend.enqueue("c", "remember two"));
    if (earlier !== undefined) backend.pointers.set("c", earlier);
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("I keep 1 note:\n1. one\n");
    backend.pointers.delete("c");
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("I keep no notes yet.");
  });

  it("keeps conversations apart and runs them side by side", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    await start({ createRuntime: slowEcho });
    const messages = ["a", "b", "c"].map((name) => backend.enqueue(name, `remember I am ${name}`));
    await until(() => backend.leases.size === 2);
    await Promise.all(messages.map(untilOver));
    const answers = await Promise.all(["a", "b", "c"].map((name) => untilOver(backend.enqueue(name, "list notes"))));
    for (const [index, { reply }] of answers.entries()) {
      expect(reply).toContain(`I keep 1 note:\n1. I am ${"abc"[index]}\n`);
    }
  });

  it("runs the messages of one conversation one after the other", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    await start();
    const messages = Array.from({ length: 6 }, (_, index) => backend.enqueue("c", `note: ${index + 1}`));
    for (const [index, message] of messages.entries()) {
      expect((await untilOver(message)).reply).toContain(`I keep ${index + 1} note`);
    }
  });
});

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

describe.concurrent("storage that fails", () => {
  for (const fault of ["refuse", "cut", "corrupt", "lose_answer"] as const) {
    it(`uploads: ${fault} is tried again`, async ({ onTestFinished }) => {
      const { backend, storage, start } = await testSystem(onTestFinished);
      await start();
      storage.uploadFaults.push(fault);
      expect(await untilOver(backend.enqueue("c", "remember x"))).toMatchObject({ status: "done", attempts: 1 });
      expect(backend.uploads.get("snapshot-1")?.status).toBe("failed");
      expect(backend.pointers.get("c")?.snapshotId).toBe("snapshot-2");
    });
  }
  for (const fault of ["refuse", "cut", "corrupt", "gone"] as const) {
    it(`downloads: ${fault} is tried again`, async ({ onTestFinished }) => {
      const { backend, storage, start } = await testSystem(onTestFinished);
      const { dataDirectory } = await start();
      await untilOver(backend.enqueue("c", "remember x"));
      await rm(join(dataDirectory, "conversations"), { recursive: true });
      storage.downloadFaults.push(fault);
      const message = await untilOver(backend.enqueue("c", "list notes"));
      expect(message).toMatchObject({ status: "done", attempts: 1 });
      expect(message.reply).toContain("1. x");
    });
  }

  it("ends the turn with a clear error when a download stays wrong, and starts nothing", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    const { dataDirectory, file } = await start();
    await untilOver(backend.enqueue("c", "remember x"));
    await rm(join(dataDirectory, "conversations"), { recursive: true });
    for (let index = 0; index < 15; index++) storage.downloadFaults.push("corrupt");
    const message = backend.enqueue("c", "list notes");
    await until(() => message.error !== undefined);
    expect(message.error).toContain("its size or checksum differs");
    await expect(readFile(file("c", "notes.md"))).rejects.toThrow("ENOENT");
    storage.downloadFaults.length = 0;
    expect((await untilOver(message)).reply).toContain("1. x");
    expect((await readdir(join(dataDirectory, "tmp"))).filter((name) => name !== "conversations")).toEqual([]);
  });
});

describe.concurrent("a lease that is lost", () => {
  it("during the turn ends it, and its files never come back", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    let turns = 0;
    const { file } = await start({
      createRuntime: runtimeWith(async function* (context, signal) {
        await writeFile(join(context.workspaceDirectory, `turn-${++turns}`), "x");
        yield { type: "text", text: (await readdir(context.workspaceDirectory)).sort().join(" ") };
        if (turns === 2) await untilAborted(signal);
        yield { type: "done" };
      }),
    });
    expect(await untilOver(backend.enqueue("c", "1"))).toMatchObject({ reply: "turn-1" });
    const canceled = backend.enqueue("c", "2");
    await until(() => canceled.streamed !== "");
    backend.revoke(canceled.messageId);
    expect((await untilOver(backend.enqueue("c", "3"))).reply).toBe("turn-1 turn-3");
    expect(canceled).toMatchObject({ status: "failed", attempts: 1 });
    expect(canceled.reply).toBeUndefined();
    expect((await readdir(file("c", "."))).sort()).toEqual(["turn-1", "turn-3"]);
  });

  it("is not taken for lost before the inbox has listed it", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start({
      createRuntime: slowEcho,
      // An inbox that lags behind knows the work, but never yet the lease.
      mapInbox: (inbox) => ({ ...inbox, leaseIds: [] }),
    });
    const message = backend.enqueue("c", "one two three four five six");
    await until(() => message.streamed !== "");
    connection.reconnect();
    backend.changed();
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 1 });
  });

  it("at the completion discards the result", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start();
    connection.fault = ({ name }, earlier) =>
      name === "workerComplete" && earlier === 0 ? agentFactoryError("lease_lost", "lost") : undefined;
    const message = backend.enqueue("c", "remember something");
    await until(() => connection.callsOf("workerComplete").length === 1);
    backend.revoke(message.messageId, "queued");
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 2 });
    expect(message.reply).toContain("I keep 1 note now.");
    expect(connection.callsOf("workerFail")).toEqual([]);
  });

  it("with a lapsed heartbeat ends all turns, and the messages are claimed afresh", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    await start({ createRuntime: slowEcho });
    const messages = ["a", "b"].map((name) => backend.enqueue(name, "remember one two three four five"));
    await until(() => messages.every(({ streamed }) => streamed.length > 0));
    backend.isLapsed = true;
    for (const message of messages) {
      expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 2 });
      expect(message.reply).toContain("I keep 1 note now.");
      expect(message.streamed).toBe(message.reply);
    }
  });
});

describe.concurrent("a disk that fails", () => {
  it("fails the message with its kind, and the worker goes on when the disk does", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { dataDirectory } = await start();
    await untilOver(backend.enqueue("c", "remember one"));
    // Nothing can be packed any more.
    await rm(join(dataDirectory, "tmp"), { recursive: true });
    await writeFile(join(dataDirectory, "tmp"), "in the way");
    const failed = await untilOver(backend.enqueue("c", "remember two"));
    expect(failed).toMatchObject({ status: "failed", attempts: 5, errorKind: "unknown" });
    expect(failed.error).toMatch(/^The worker could not read or write its disk \(E\w+\)\.$/);
    await rm(join(dataDirectory, "tmp"));
    await untilOver(backend.enqueue("c", "remember three"));
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("1. one\n2. three\n");
  });

  it.runIf(existsSync("/dev/full"))(
    "that is full is told as such, and leaves no half turn",
    async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      let fullTurns = 2;
      await start({
        createRuntime: runtimeWith(async function* ({ workspaceDirectory }) {
          await writeFile(join(workspaceDirectory, "half"), "x");
          // Every byte to this device is one too many.
          if (fullTurns-- > 0) await writeFile("/dev/full", "x");
          yield { type: "text", text: (await readdir(workspaceDirectory)).join() };
          yield { type: "done" };
        }),
      });
      const over = await untilOver(backend.enqueue("c", "x"));
      expect(over).toMatchObject({ errorKind: "disk_full", error: "The disk of the worker is full." });
      expect(over).toMatchObject({ status: "done", attempts: 3, reply: "half" });
    },
  );

  const onFullDisk = runtimeWith(async function* () {
    await writeFile("/dev/full", "x");
    yield { type: "done" };
  });

  it.runIf(existsSync("/dev/full"))(
    "and stays so makes the worker leave, for another machine",
    async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { dataDirectory, connection, exit } = await start({ createRuntime: onFullDisk });
      await symlink("/dev/full", join(dataDirectory, "disk-probe"));
      const message = backend.enqueue("c", "x");
      expect(await exit).toBe(EXIT_DONE);
      expect(message).toMatchObject({ status: "queued", attempts: 1, errorKind: "disk_full" });
      expect(connection.callsOf("workerDrained")).toHaveLength(1);
    },
  );

  it.runIf(existsSync("/dev/full"))(
    "for turns only makes the worker leave after three of them",
    async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { connection, exit } = await start({ createRuntime: onFullDisk });
      const message = backend.enqueue("c", "x");
      expect(await exit).toBe(EXIT_DONE);
      expect(message).toMatchObject({ status: "queued", attempts: 3 });
      expect(connection.callsOf("workerDrained")).toHaveLength(1);
    },
  );
});

describe.concurrent("a runtime that misbehaves", () => {
  const failing: [string, (context: RuntimeContext, signal: AbortSignal) => AsyncIterable<RuntimeEvent>, RegExp][] = [
    [
      "reports a failure",
      async function* () {
        yield { type: "error", failure: { kind: "config_error", message: "No model is set." } };
      },
      /^No model is set\.$/,
    ],
    [
      "throws",
      async function* () {
        throw new Error("secret path /data/x");
      },
      /^The agent runtime broke down during the turn\.$/,
    ],
    [
      "ends without a result",
      async function* () {
        yield { type: "text", text: "half" };
      },
      /^The agent runtime ended the turn without a result\.$/,
    ],
  ];
  for (const [what, turn, error] of failing) {
    it(`and ${what} fails the message, and leaves no trace in the workspace`, async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { file } = await start({
        createRuntime: runtimeWith(async function* (context, signal) {
          await writeFile(join(context.workspaceDirectory, "half-done"), "x");
          if (backend.messages.length > 1) yield { type: "done" };
          else yield* turn(context, signal);
        }),
      });
      const message = await untilOver(backend.enqueue("c", "x"));
      expect(message.status).toBe("failed");
      expect(message.error).toMatch(error);
      expect(backend.uploads.size).toBe(0);
      await untilOver(backend.enqueue("c", "y"));
      expect(await readdir(file("c", "."))).toEqual(["half-done"]);
    });
  }

  it("and takes too long is stopped in time for its failure to count", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.runTimeoutMs = 1_000;
    await start({
      createRuntime: runtimeWith(async function* (_context, signal) {
        yield { type: "text", text: "..." };
        if (backend.messages[0]?.attempts === 1) await untilAborted(signal);
        yield { type: "done" };
      }),
    });
    const message = backend.enqueue("c", "x");
    await until(() => message.error !== undefined);
    expect(message.error).toBe("The turn took longer than 1 seconds and was stopped.");
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 2 });
  });

  it("and ignores being aborted is stopped as a whole", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    let stops = 0;
    await start({
      createRuntime: (context) => {
        const runtime = runtimeWith(async function* () {
          yield { type: "text", text: "..." };
          if (backend.messages.length === 1) await new Promise(() => {});
          yield { type: "done" };
        })(context);
        return {
          ...runtime,
          stop: async () => {
            stops++;
          },
          health: async () => ({ isHealthy: true }),
        };
      },
    });
    const stuck = backend.enqueue("c", "x");
    await until(() => stuck.streamed !== "");
    backend.revoke(stuck.messageId);
    expect((await untilOver(backend.enqueue("c", "y"))).status).toBe("done");
    expect(stops).toBeGreaterThan(0);
  });

  it("and cannot start says so to the user", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    await start({
      createRuntime: (context) => ({
        ...runtimeWith(() => quickEcho(context).runTurn(turnInput({ message: "" })))(context),
        start: () => Promise.reject(new Error("The model's key is missing.")),
      }),
    });
    const message = await untilOver(backend.enqueue("c", "x"));
    expect(message).toMatchObject({ status: "failed", attempts: 5 });
    expect(message.error).toBe("The agent runtime could not be started: The model's key is missing.");
  });
});

describe.concurrent("what the backend refuses", () => {
  it("for good is not tried again", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start();
    connection.fault = ({ name }) =>
      name === "workerHydrationBundle" ? agentFactoryError("agent_not_found", 'Agent "x" was removed.') : undefined;
    expect(await untilOver(backend.enqueue("c", "x"))).toMatchObject({
      status: "failed",
      attempts: 1,
      error: 'Agent "x" was removed.',
    });
  });
});
