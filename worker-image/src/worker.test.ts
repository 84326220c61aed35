/** The rest of a worker's life: being told to go, what a crash leaves behind, and what time does to it. */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { agentFactoryError } from "../../src/shared/errors.js";
import { EXIT_DONE } from "./exit-codes.js";
import { sleep } from "./timing.js";
import { CREDENTIAL } from "./testing/fake-backend.js";
import { PATIENCE, slowEcho, testSystem, until, untilOver } from "./testing/test-worker.js";

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

describe.concurrent("told to go", () => {
  it("finishes what runs, gives back what has not begun, saves, says goodbye", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, conversationsPerWorker: 2 };
    let isHydrationHeld = false;
    const { worker, exit, connection, file } = await start({
      createRuntime: slowEcho,
      fault: (call) => {
        // The second conversation never gets as far as its runtime.
        const isHeld = call.name === "workerHydrationBundle" && JSON.stringify(call.args).includes("message-2");
        isHydrationHeld ||= isHeld;
        return isHeld ? "before" : undefined;
      },
    });
    const running = backend.enqueue("a", "remember one two three four");
    const waiting = backend.enqueue("b", "hello");
    await until(() => running.streamed !== "" && isHydrationHeld);
    const late = backend.enqueue("d", "hello");
    backend.setState("drain");
    expect(await exit).toBe(EXIT_DONE);
    expect(running).toMatchObject({ status: "done", attempts: 1 });
    expect(waiting).toMatchObject({ status: "queued", attempts: 0 });
    expect(late).toMatchObject({ status: "queued", attempts: 0 });
    expect(backend.isDrained).toBe(true);
    // Heartbeats have a clock of their own; one that was due while the worker said goodbye may come after it.
    const deliberate = connection.calls.filter(({ name }) => name !== "workerHeartbeat");
    expect(deliberate.at(-1)?.name).toBe("workerDrained");
    expect(backend.leases.size).toBe(0);
    expect(worker.health().state).toBe("stopping");
    expect(await isThere(file("a", "notes.md"))).toBe(true);
  });

  it("uploads what changed since the last turn", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { exit, file } = await start();
    await untilOver(backend.enqueue("c", "remember one"));
    await until(() => backend.leases.size === 0);
    await writeFile(file("c", "made-in-between"), "x");
    backend.setState("drain");
    expect(await exit).toBe(EXIT_DONE);
    const pointer = backend.pointers.get("c");
    expect(backend.uploads.get(pointer?.snapshotId ?? "")).toMatchObject({ reason: "drain", status: "ready" });
    expect(backend.isDrained).toBe(true);
  });

  it("by a signal waits a while, then fails what still runs so that it is tried elsewhere", async ({
    onTestFinished,
  }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { worker, exit } = await start({ createRuntime: slowEcho, signalGraceMs: 300 });
    const message = backend.enqueue("c", "word ".repeat(300));
    await until(() => message.streamed !== "");
    worker.shutDown();
    expect(await exit).toBe(EXIT_DONE);
    expect(message).toMatchObject({
      status: "queued",
      attempts: 1,
      error: "The worker was shut down before the turn was over.",
    });
    expect(backend.isDrained).toBe(true);
  });

  it("without a backend leaves in a bounded time", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { worker, exit, connection } = await start({ createRuntime: slowEcho, signalGraceMs: 100 });
    const message = backend.enqueue("c", "word ".repeat(300));
    await until(() => message.streamed !== "");
    connection.setConnected(false);
    worker.shutDown();
    expect(await exit).toBe(EXIT_DONE);
    expect(backend.isDrained).toBe(false);
  });

  it("at once tells nobody anything", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { exit, connection } = await start({ createRuntime: slowEcho });
    const message = backend.enqueue("c", "word ".repeat(300));
    await until(() => message.streamed !== "");
    backend.setState("stop");
    expect(await exit).toBe(EXIT_DONE);
    const names = connection.calls.map(({ name }) => name);
    expect(names).not.toContain("workerComplete");
    expect(names).not.toContain("workerFail");
    expect(names).not.toContain("workerDrained");
  });

  it("by a defect keeps the exit code that says so", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { worker, exit } = await start();
    await until(() => worker.health().state === "running");
    worker.shutDown(1);
    expect(await exit).toBe(1);
    expect(backend.isDrained).toBe(true);
  });
});

describe.concurrent("after a crash", () => {
  it("gives back the turn that was running, and trusts nothing it left on the disk", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const first = await start({ createRuntime: slowEcho });
    await untilOver(backend.enqueue("c", "remember one"));
    const message = backend.enqueue("c", "remember two three four five six seven eight");
    await until(() => message.streamed !== "");
    // As a kill would leave it: nothing is said to the backend, the folder is marked, the lease is still noted.
    first.connection.fault = () => "before";
    backend.setState("stop");
    await first.exit;
    expect(message.status).toBe("processing");
    expect(await readFile(first.file("c", "notes.md"), "utf8")).toContain("two");

    backend.state = "run";
    const second = await start();
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 2 });
    expect(message.error).toBe("The worker was restarted while it ran this turn.");
    expect(message.reply).toContain("I keep 2 notes now.");
    await vi.waitFor(async () => expect(await readdir(join(second.dataDirectory, "leases"))).toEqual([]), PATIENCE);
  });

  it("finds out when a power cut has torn a folder", async ({ onTestFinished }) => {
    const { backend, start, storage } = await testSystem(onTestFinished);
    const first = await start();
    await untilOver(backend.enqueue("c", "remember one"));
    await until(() => backend.leases.size === 0);
    first.worker.shutDown();
    await first.exit;
    await writeFile(first.file("c", "notes.md"), "");
    await mkdir(join(first.dataDirectory, "conversations/.incoming-x"), { recursive: true });
    backend.isDrained = false;

    const second = await start();
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("1. one");
    expect(storage.downloads).toBe(1);
    expect(await readdir(join(second.dataDirectory, "conversations"))).toHaveLength(1);
  });
});

describe.concurrent("in the long run", () => {
  it("keeps a bounded number of folders", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, conversationsPerWorker: 1 };
    const { dataDirectory } = await start();
    for (let index = 0; index < 9; index++) await untilOver(backend.enqueue(`c${index}`, `remember ${index}`));
    let folders: string[] = [];
    for (let tries = 0; tries < 200 && (folders.length === 0 || folders.length > 5); tries++) {
      await sleep(20);
      folders = await readdir(join(dataDirectory, "conversations"));
    }
    expect(folders.length).toBeLessThanOrEqual(5);
    expect((await untilOver(backend.enqueue("c0", "list notes"))).reply).toContain("1. 0");
  });

  it("claims again what a lost wake-up left waiting", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { connection } = await start({
      fault: ({ name }, earlier) =>
        name === "workerClaim" && earlier === 0 ? agentFactoryError("provider_unreachable", "odd") : undefined,
    });
    const message = backend.enqueue("c", "hello");
    await until(() => connection.callsOf("workerClaim").length === 1);
    backend.isLapsed = true;
    expect((await untilOver(message)).status).toBe("done");
  });

  it("writes no secret into its log", async ({ onTestFinished }) => {
    const { backend, start, log } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, tokenLifetimeMs: 500 };
    const { exit, worker, connection } = await start({
      fault: ({ name, args }, earlier) =>
        name === "workerClaim" && earlier === 0 ? new Error(`Arguments were: ${JSON.stringify(args)}`) : undefined,
    });
    const seen = new Set<string>([CREDENTIAL]);
    const message = backend.enqueue("c", "remember x");
    await until(() => {
      for (const token of backend.tokens) seen.add(token);
      return connection.callsOf("workerRotateToken").length >= 2;
    });
    backend.isLapsed = true;
    await untilOver(message);
    worker.shutDown();
    await exit;
    const everything = log.join("");
    expect(log.length).toBeGreaterThan(5);
    expect(everything).toContain("Arguments were");
    expect(seen.size).toBeGreaterThan(2);
    for (const secret of seen) expect(everything).not.toContain(secret);
    expect(everything).not.toMatch(/token=|signature=/);
  });
});
