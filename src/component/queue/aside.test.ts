import { describe, expect, it } from "vitest";
import {
  cancel,
  enqueue,
  passTime,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

const MINUTE = 60_000;
const patient = { policy: { leaseDurationMs: 3_600_000, runTimeoutMs: 3_600_000 } };
const textOf = (claimed: { payload: { messageText: string } }) => claimed.payload.messageText;

describe("a message for later", () => {
  useFakeClock();

  it("holds up what comes after it, unless it says that it does not", async () => {
    for (const blocksFollowers of [true, false]) {
      const t = await startWithAgent();
      const worker = await startWorker(t, patient);
      await enqueue(t, "c", "later", { scheduledFor: Date.now() + MINUTE, blocksFollowers });
      await enqueue(t, "c", "now");
      const claimed = await worker.claim();
      expect(claimed === null ? null : textOf(claimed)).toBe(blocksFollowers ? null : "now");
      if (claimed !== null) await worker.complete(claimed);
      await runScheduled(t, MINUTE);
      expect(textOf(await worker.mustClaim())).toBe("later");
    }
  });

  it("that stands aside runs when it is due, at its place among what waits then", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, patient);
    await enqueue(t, "c", "reminder", { scheduledFor: Date.now() + MINUTE, blocksFollowers: false });
    for (const text of ["1", "2", "3"]) await enqueue(t, "c", text);
    const first = await worker.mustClaim();
    await runScheduled(t, MINUTE);
    await worker.complete(first);
    // It was accepted before "2", and is due now.
    expect(textOf(await worker.mustClaim())).toBe("reminder");
  });

  it("that stands aside is woken for when nothing else waits", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, patient);
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 2 * MINUTE, blocksFollowers: false });
    await enqueue(t, "c", "sooner", { scheduledFor: Date.now() + MINUTE, blocksFollowers: false });
    expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "delayed", wakeAt: Date.now() + MINUTE }]);
    await runScheduled(t, MINUTE);
    const sooner = await worker.mustClaim();
    expect(textOf(sooner)).toBe("sooner");
    await worker.complete(sooner);
    expect(await worker.claim()).toBeNull();
    await runScheduled(t, MINUTE);
    expect(textOf(await worker.mustClaim())).toBe("later");
  });

  it("that stands aside does not block while it is tried again either; one in line does", async () => {
    for (const blocksFollowers of [true, false]) {
      const t = await startWithAgent();
      const worker = await startWorker(t, patient);
      await enqueue(t, "c", "fails", { blocksFollowers });
      await enqueue(t, "c", "next");
      await worker.fail(await worker.mustClaim());
      const claimed = await worker.claim();
      expect(claimed === null ? null : textOf(claimed)).toBe(blocksFollowers ? null : "next");
    }
  });

  it("that stands aside can be canceled, and counts as waiting", async () => {
    const t = await startWithAgent({ maxQueuedPerConversation: 1, overflow: "drop_old" });
    const id = await enqueue(t, "c", "later", { scheduledFor: Date.now() + MINUTE, blocksFollowers: false });
    await cancel(t, id);
    expect((await snapshotOfAllTables(t)).lanes).toMatchObject([{ state: "idle" }]);
    await enqueue(t, "c", "again", { scheduledFor: Date.now() + MINUTE, blocksFollowers: false });
    await enqueue(t, "c", "now");
    expect(await queueStats(t)).toMatchObject({ queued: 1, dropped: 1, canceled: 1, queuedReady: 1 });
  });

  it("does not hold up what is in line because of another one behind it", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, patient);
    await enqueue(t, "c", "blocker", { scheduledFor: Date.now() + MINUTE });
    await enqueue(t, "c", "aside", { blocksFollowers: false });
    await enqueue(t, "c", "follower");
    // What stands aside and is due passes a blocked line; the follower in line does not.
    const aside = await worker.mustClaim();
    expect(textOf(aside)).toBe("aside");
    await worker.complete(aside);
    expect(await worker.claim()).toBeNull();
    passTime(MINUTE);
    await runScheduled(t);
    expect(textOf(await worker.mustClaim())).toBe("blocker");
  });
});
