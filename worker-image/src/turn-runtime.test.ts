/** Turns whose runtime misbehaves: each has one end, and the worker goes on. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { turnInput } from "./testing/turn-input.js";
import { quickEcho, testSystem, until, untilOver } from "./testing/test-worker.js";
import type { RuntimeContext, RuntimeEvent } from "./runtimes/runtime.js";
import { untilAborted } from "./timing.js";
import { runtimeWith } from "./testing/altered-echo.js";

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
    // Before the next turn would have stopped it.
    await until(() => stops === 1);
    expect((await untilOver(backend.enqueue("c", "y"))).status).toBe("done");
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
