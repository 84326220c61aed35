/** The bundle as it ships, as a process: configuration errors, a whole life, signals, kills, suspension. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { WORKER_ENVIRONMENT } from "../../src/shared/worker-environment.js";
import { EXIT_DONE, EXIT_MISCONFIGURED, EXIT_REJECTED } from "./exit-codes.js";
import { startSystem, useBundle } from "./testing/bundled-worker.js";
import { CREDENTIAL } from "./testing/fake-backend.js";
import { PATIENCE, until, untilOver } from "./testing/test-worker.js";
import { startProcess } from "./testing/worker-process.js";
import { sleep } from "./timing.js";

const bundle = useBundle();

describe.concurrent("a configuration that cannot work", () => {
  const complete = {
    [WORKER_ENVIRONMENT.convexUrl]: "http://127.0.0.1:9",
    [WORKER_ENVIRONMENT.workerId]: "w",
    [WORKER_ENVIRONMENT.healthPort]: "0",
  };
  const cases: [string, Record<string, string>, RegExp][] = [
    ["nothing at all", {}, /AGENT_FACTORY_CONVEX_URL is not set; .*AGENT_FACTORY_WORKER_ID is not set/],
    ["a wrong URL", { ...complete, [WORKER_ENVIRONMENT.convexUrl]: "happy-otter" }, /CONVEX_URL must be a URL/],
    [
      "an unknown runtime",
      { ...complete, [WORKER_ENVIRONMENT.runtime]: "psychic" },
      /"psychic", which .* it has: echo, /,
    ],
    ["a wrong port", { ...complete, [WORKER_ENVIRONMENT.healthPort]: "70000" }, /HEALTH_PORT must be a port number/],
    [
      "a setting of the runtime",
      { ...complete, AGENT_FACTORY_ECHO_DELAY_MS: "x" },
      /ECHO_DELAY_MS must be a whole number/,
    ],
    [
      "a folder that cannot be",
      { ...complete, [WORKER_ENVIRONMENT.dataDirectory]: "/dev/null/x" },
      /cannot be written/,
    ],
  ];
  for (const [what, environment, line] of cases) {
    it(`(${what}) is one line and exit code 78`, async ({ onTestFinished }) => {
      const { exit, stderr } = startProcess(
        bundle(),
        { ...environment, [WORKER_ENVIRONMENT.logLevel]: "silent" },
        onTestFinished,
      );
      expect(await exit).toEqual({ code: EXIT_MISCONFIGURED, signal: null });
      expect(stderr()).toMatch(/^agent-factory worker: [^\n]+\n$/);
      expect(stderr()).toMatch(line);
    });
  }
});

describe.concurrent("a worker process", { timeout: 60_000 }, () => {
  it("enrolls, works, says how it is, and leaves when told to", async ({ onTestFinished }) => {
    const { backend, root, start } = await startSystem(bundle(), onTestFinished);
    const { child, exit, stdout, stderr, health } = await start();
    const message = await untilOver(backend.enqueue("c", "remember the bundle works"));
    expect(message.reply).toContain("I keep 1 note now.");
    expect(message.streamed).toBe(message.reply);
    const report = { state: "running", runtime: "echo", runningConversations: 0, backendConnected: true };
    await vi.waitFor(async () => expect(await health()).toEqual({ status: 200, body: report }), PATIENCE);
    expect((await readdir(root)).sort()).toEqual(["data", "run"]);
    expect(await readdir(join(root, "run/agent-factory"))).toEqual([]);

    child.kill("SIGTERM");
    expect(await exit).toEqual({ code: EXIT_DONE, signal: null });
    expect(backend.isDrained).toBe(true);
    expect(stderr()).toBe("");
    for (const secret of [CREDENTIAL, ...backend.tokens]) expect(stdout()).not.toContain(secret);
    for (const line of stdout().trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  it("that is killed in mid-turn goes on where it was when it is started again", async ({ onTestFinished }) => {
    const { backend, start } = await startSystem(bundle(), onTestFinished);
    const first = await start({ AGENT_FACTORY_ECHO_DELAY_MS: "100" });
    await untilOver(backend.enqueue("c", "remember one"));
    const message = backend.enqueue("c", "remember two");
    await until(() => message.streamed !== "");
    first.child.kill("SIGKILL");
    expect((await first.exit).signal).toBe("SIGKILL");

    await start({}, null);
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 2 });
    expect(message.reply).toContain("I keep 2 notes now.");
    expect(message.streamed).toBe(message.reply);
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("1. one\n2. two\n");
  });

  it("leaves at once when it is told twice", async ({ onTestFinished }) => {
    const { backend, start } = await startSystem(bundle(), onTestFinished);
    const { child, exit, stdout } = await start({ AGENT_FACTORY_ECHO_DELAY_MS: "1000" });
    const message = backend.enqueue("c", "a long answer that takes its time");
    await until(() => message.streamed !== "");
    child.kill("SIGINT");
    await until(() => stdout().includes("Told to go."));
    child.kill("SIGINT");
    expect(await exit).toEqual({ code: 130, signal: null });
  });

  it("that is refused says so in one line", async ({ onTestFinished }) => {
    const { start } = await startSystem(bundle(), onTestFinished);
    const { exit, stderr } = await start({}, "not-the-right-credential");
    expect(await exit).toEqual({ code: EXIT_REJECTED, signal: null });
    expect(stderr()).toMatch(/^agent-factory worker: The backend refused to enroll worker worker-1: [^\n]+\n$/);
  });

  it("that never reaches its backend says so once, waits, and leaves when told to", async ({ onTestFinished }) => {
    const { server, start } = await startSystem(bundle(), onTestFinished);
    await server.stop();
    const { child, exit, stdout } = await start();
    await until(() => stdout().includes("Cannot enroll yet; trying again."));
    await sleep(1_000);
    expect(child.exitCode).toBeNull();
    expect(stdout().match(/Cannot enroll yet/g)).toHaveLength(1);
    child.kill("SIGTERM");
    expect(await exit).toEqual({ code: EXIT_DONE, signal: null });
  });

  it("answers after its connections were cut, again and again", async ({ onTestFinished }) => {
    const { backend, server, start } = await startSystem(bundle(), onTestFinished);
    await start({ AGENT_FACTORY_ECHO_DELAY_MS: "20" });
    const message = backend.enqueue("c", "one two three four five six seven eight nine ten ".repeat(4));
    for (let cuts = 0; cuts < 2; cuts++) {
      const length = message.streamed.length;
      await until(() => message.streamed.length > length || message.status === "done");
      server.dropConnections();
    }
    expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 1 });
    expect(message.streamed).toBe(message.reply);
  });

  it("notices that it was suspended", async ({ onTestFinished }) => {
    const { backend, server, start } = await startSystem(bundle(), onTestFinished);
    const { child, stdout } = await start();
    await untilOver(backend.enqueue("c", "remember before"));
    const connections = server.connections;
    child.kill("SIGSTOP");
    await sleep(9_000);
    backend.isLapsed = true;
    const message = backend.enqueue("c", "list notes");
    child.kill("SIGCONT");
    expect((await untilOver(message)).reply).toContain("1. before");
    expect(stdout()).toContain("Time has passed without this process");
    await until(() => server.connections > connections);
  });
});
