/** One worker process with twenty conversations that stream at once: every character arrives, and what the process takes. */
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { startSystem, useBundle } from "./testing/bundled-worker.js";
import { until, untilOver } from "./testing/test-worker.js";
import { sleep } from "./timing.js";

const CONVERSATIONS = 20;
const WORDS = 60;
/** 20 tokens a second, as a model speaks. */
const TOKEN_MS = 50;
/** What the worker itself may take of the smallest machine, so that the rest is the runtime's. */
const MAX_IDLE_RSS_MB = 120;
/** One call a second more than five would be a broken promise to the database; a busy machine only makes them fewer. */
const MAX_CALLS_PER_SECOND = 5;

const bundle = useBundle();

describe("one worker with twenty conversations", { timeout: 90_000 }, () => {
  it("streams all of them at once and loses no character, within its calls and its memory", async ({
    onTestFinished,
  }) => {
    const { backend, start } = await startSystem(bundle(), onTestFinished);
    backend.enrollment = { ...backend.enrollment, conversationsPerWorker: CONVERSATIONS };
    const environment = { AGENT_FACTORY_ECHO_DELAY_MS: String(TOKEN_MS), AGENT_FACTORY_LOG_LEVEL: "warn" };
    const { child } = await start(environment);
    await until(() => backend.heartbeats > 0);
    await sleep(500);
    const idleRssMb = await residentMegabytes(child.pid ?? 0);
    const idleFiles = await openFiles(child.pid ?? 0);

    // Characters of one, two, three and four bytes, of which the last are two code units.
    const text = (conversation: number) =>
      Array.from(
        { length: WORDS },
        (_, word) => `${["a", "é", "€", "🌊", "👩‍🚀"][word % 5] ?? ""}${conversation}.${word}`,
      ).join(" ");
    let mostAtOnce = 0;
    const stopWatching = backend.watch(() => (mostAtOnce = Math.max(mostAtOnce, backend.leases.size)));
    const messages = Array.from({ length: CONVERSATIONS }, (_, n) => backend.enqueue(`c${n}`, text(n)));
    await Promise.all(messages.map(untilOver));
    stopWatching();

    expect(mostAtOnce).toBe(CONVERSATIONS);
    for (const [n, message] of messages.entries()) {
      expect(message).toMatchObject({ status: "done", attempts: 1 });
      expect(message.reply).toContain(text(n));
      expect(message.streamed).toBe(message.reply);
      const seconds = (message.deltaTimes.at(-1) ?? 0) - (message.deltaTimes[0] ?? 0);
      expect(message.deltaTimes.length).toBeLessThanOrEqual((seconds / 1_000 + 1) * MAX_CALLS_PER_SECOND + 1);
      expect(message.deltaTimes.length).toBeGreaterThan(3);
    }
    if (idleRssMb !== null) expect(idleRssMb).toBeLessThan(MAX_IDLE_RSS_MB);
    // Connections to storage are kept for a moment; files, pipes and sockets of turns are not.
    await expect.poll(() => openFiles(child.pid ?? 0), { timeout: 20_000 }).toBeLessThanOrEqual(idleFiles + 2);
  });
});

/** 0 where the system does not say it in this way. */
const openFiles = async (pid: number) => (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;

/** `null` where the system does not say it in this way. */
async function residentMegabytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1_024;
}
