import { describe, expect, it } from "vitest";
import {
  configureAgent,
  enqueue,
  expectRefused,
  queueStats,
  redrive,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";

/** Makes the next message of the conversation a dead letter. */
async function bury(worker: StartedWorker) {
  const claimed = await worker.mustClaim();
  await worker.fail(claimed, "no", false);
  return claimed.messageId;
}

const textOf = (claimed: { payload: { messageText: string } }) => claimed.payload.messageText;

async function transcriptOf(t: Harness) {
  return ((await snapshotOfAllTables(t)).transcript ?? []).map(({ role, content }) => [role, content]);
}

describe("redriving a dead letter", () => {
  useFakeClock();

  it("lets it run again with all its attempts, and takes back what was said about its end", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "hello", { maxAttempts: 2 });
    const id = await bury(worker);
    expect(await queueStats(t)).toMatchObject({ deadLetter: 1, queued: 0 });
    expect(await redrive(t, id)).toEqual({ redriven: true, status: "queued" });
    expect(await queueStats(t)).toMatchObject({ deadLetter: 0, queued: 1, queuedReady: 1 });
    const claimed = await worker.mustClaim();
    expect(claimed).toMatchObject({ messageId: id, attempt: 1, generation: 2 });
    await worker.complete(claimed, "hi there");
    await runScheduled(t);
    expect(await transcriptOf(t)).toEqual([
      ["user", "hello"],
      ["assistant", "hi there"],
    ]);
    // Its earlier failures stay known.
    expect((await snapshotOfAllTables(t)).messages).toMatchObject([{ status: "done", errors: [{ message: "no" }] }]);
  });

  it("puts it where it stood: before what was accepted after it, never before what runs", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    for (const text of ["1", "2", "3"]) await enqueue(t, "c", text);
    const first = await bury(worker);
    const running = await worker.mustClaim();
    expect(textOf(running)).toBe("2");
    expect(await redrive(t, first)).toMatchObject({ redriven: true });
    expect(await worker.claim()).toBeNull();
    await worker.complete(running);
    expect(textOf(await worker.mustClaim())).toBe("1");
  });

  it("overtakes what waits or backs off behind it", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    for (const text of ["1", "2"]) await enqueue(t, "c", text);
    const first = await bury(worker);
    await worker.fail(await worker.mustClaim());
    expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "delayed" }]);
    await redrive(t, first);
    expect(textOf(await worker.mustClaim())).toBe("1");
  });

  it("changes nothing about any other message", async () => {
    const t = await startWithAgent();
    const id = await enqueue(t, "c");
    const before = await snapshotOfAllTables(t);
    expect(await redrive(t, id)).toEqual({ redriven: false, status: "queued" });
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("is refused for what is no message, and while the agent is disabled", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const id = await bury(worker);
    await expectRefused(t, "message_not_found", async () => redrive(t, "nonsense"));
    await configureAgent(t, "a", false);
    await expectRefused(t, "agent_disabled", async () => redrive(t, id));
  });
});
