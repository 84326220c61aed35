/** `npm run demo -- --once`, as a script would call it. */
import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { PROJECT_DIRECTORY } from "../../dev/demo/stack.js";

const duration = z.number().nonnegative();
const name = z.string().min(1);

/** Exactly what the command promises to print. */
const printedResult = z.strictObject({
  reply: z.string().regex(/hello/),
  conversationId: name,
  messageId: name,
  workerId: z.string().startsWith("w"),
  machineId: name,
  timings: z.strictObject({ enqueuedToClaimedMs: duration, enqueuedToReplyMs: duration, coldStartMs: duration }),
  machinesLeft: z.literal(0),
  volumesLeft: z.literal(0),
});

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
    const code = await new Promise<number | null>((resolve) => demo.once("close", resolve));
    expect(code, progress).toBe(0);
    const lastLine = output.trim().split("\n").at(-1) ?? "";
    expect(printedResult.safeParse(JSON.parse(lastLine)).error).toBeUndefined();
  });
});
