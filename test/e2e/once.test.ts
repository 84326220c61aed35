/** `npm run demo -- --once`, as a script would call it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { PROJECT_DIRECTORY } from "../../dev/demo/stack.js";

describe("demo --once", () => {
  it("answers from a cold start and leaves nothing behind", async () => {
    const demo = spawn("npm", ["run", "-s", "demo", "--", "--once", "--message", "hello", "--json"], {
      cwd: PROJECT_DIRECTORY,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let progress = "";
    demo.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    demo.stderr.on("data", (chunk: Buffer) => (progress += chunk.toString()));
    const [code] = await once(demo, "close");
    expect(code, progress).toBe(0);
    const result: unknown = JSON.parse(output.trim().split("\n").at(-1) ?? "");
    expect(result).toEqual({
      reply: expect.stringMatching(/hello/),
      conversationId: expect.stringMatching(/./),
      messageId: expect.stringMatching(/./),
      workerId: expect.stringMatching(/^w/),
      machineId: expect.stringMatching(/./),
      timings: {
        enqueuedToClaimedMs: expect.any(Number),
        enqueuedToReplyMs: expect.any(Number),
        coldStartMs: expect.any(Number),
      },
      machinesLeft: 0,
      volumesLeft: 0,
    });
  });
});
