/** Turns from claim to end: what they leave for the next one, and what becomes of them without their lease. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentFactoryError } from "../../src/shared/errors.js";
import { slowEcho, testSystem, until, untilOver } from "./testing/test-worker.js";
import { untilAborted } from "./timing.js";
import { runtimeWith } from "./testing/altered-echo.js";

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
