/** Hooks and variables of an agent, through whole turns: what they may do, how they fail, and what is left of them. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runHooks } from "./hooks.js";
import { createLogger, SecretFilter } from "./logger.js";
import { slowEcho, testSystem, until, untilOver } from "./testing/test-worker.js";
import { temporaryDirectory } from "./testing/temporary.js";
import { monotonicMs } from "./timing.js";

const SECRET = "shop-secret-0123456789";

describe.concurrent("hooks", () => {
  it("run in the workspace before and after the turn, with the agent's variables", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.environment = { SHOP_TOKEN: SECRET };
    backend.profile = {
      hooks: {
        beforeTurn: ["printf -- '- from the hook\\n' > notes.md", 'test -n "$SHOP_TOKEN"'],
        afterTurn: ["wc -l < notes.md > count"],
      },
    };
    const { file } = await start();
    const message = await untilOver(backend.enqueue("c", "remember figs"));
    expect(message.reply).toContain("I keep 2 notes now.");
    expect((await readFile(file("c", "count"), "utf8")).trim()).toBe("2");
  });

  it("that fail end the turn with a clear error, and without its changes", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.profile = { hooks: { beforeTurn: ["touch a", "echo no such branch >&2; exit 3"], afterTurn: [] } };
    const { file } = await start();
    const message = await untilOver(backend.enqueue("c", "hello"));
    expect(message).toMatchObject({
      status: "failed",
      errorKind: "hook_failed",
      error: "Hook 2 before the turn failed (exit code 3). It said: no such branch",
      streamed: "",
    });
    backend.profile = { hooks: { beforeTurn: [], afterTurn: ["false"] } };
    const second = await untilOver(backend.enqueue("c", "remember figs"));
    expect(second.error).toBe("Hook 1 after the turn failed (exit code 1).");
    backend.profile = {};
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("no notes yet");
    await expect(readFile(file("c", "a"))).rejects.toThrow("ENOENT");
  });

  it("end at their time limit, and with the turn", async ({ onTestFinished }) => {
    const directory = await temporaryDirectory(onTestFinished);
    const abort = new AbortController();
    const context = {
      workspaceDirectory: directory,
      temporaryDirectory: directory,
      environment: {},
      filter: new SecretFilter(),
      logger: createLogger("silent", new SecretFilter()),
      signal: abort.signal,
    };
    await expect(runHooks("before", ["sleep 60"], { ...context, timeoutMs: 300 })).rejects.toThrow(
      "Hook 1 before the turn failed (stopped after 0 s, its time limit).",
    );
    const before = monotonicMs();
    setTimeout(() => abort.abort(), 100);
    await runHooks("after", ["sleep 60", "touch never"], context);
    expect(monotonicMs() - before).toBeLessThan(10_000);
    expect(await readdir(directory)).toEqual([]);
  });

  it("do not keep a canceled turn from ending", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.profile = { hooks: { beforeTurn: ["touch started; sleep 60"], afterTurn: [] } };
    const { file } = await start();
    const message = backend.enqueue("c", "hello");
    await until(() => backend.leases.size === 1);
    await expect
      .poll(
        () =>
          readFile(file("c", "started")).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    backend.revoke(message.messageId);
    backend.profile = {};
    expect((await untilOver(backend.enqueue("c", "again"))).status).toBe("done");
  });
});

describe.concurrent("an agent's variables", () => {
  it("are in no log, error or file, and forgotten with the turn", async ({ onTestFinished }) => {
    const { backend, start, log, directory } = await testSystem(onTestFinished);
    backend.environment = { SHOP_TOKEN: SECRET };
    backend.profile = { hooks: { beforeTurn: ['echo "the token is $SHOP_TOKEN"; exit 1'], afterTurn: [] } };
    const { filter } = await start();
    const failed = await untilOver(backend.enqueue("c", "hello"));
    expect(failed.error).toBe("Hook 1 before the turn failed (exit code 1). It said: the token is [redacted]");
    backend.profile = {};
    await untilOver(backend.enqueue("c", "remember figs"));
    expect(log.join("")).not.toContain(SECRET);
    for (const path of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (!path.isFile()) continue;
      // What is gone by now holds nothing either.
      const content = await readFile(join(path.parentPath, path.name), "latin1").catch(() => "");
      expect(content, path.name).not.toContain(SECRET);
    }
    await until(() => filter.clean(SECRET) === SECRET);
  });

  it("stay hidden as long as one of two turns that have them runs", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.environment = { SHOP_TOKEN: SECRET };
    const { filter } = await start({ createRuntime: slowEcho });
    const slow = backend.enqueue("a", "one two three four five six seven eight nine ten eleven twelve");
    await untilOver(backend.enqueue("b", "x"));
    if (slow.status !== "done") expect(filter.clean(SECRET)).toBe("[redacted]");
    await untilOver(slow);
    await until(() => filter.clean(SECRET) === SECRET);
  });
});
