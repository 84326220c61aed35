import { describe, expect, it } from "vitest";
import type { Overflow } from "../../shared/queue-policy.js";
import {
  cancel,
  configureAgent,
  enqueue,
  expectRefused,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { MAX_BULLETS, mergeSummaries, summarize, summaryText } from "./summary.js";

const CAP = 3;

async function full(overflow: Overflow): Promise<Harness> {
  const t = await startWithAgent({ maxQueuedPerConversation: CAP, overflow });
  for (let index = 1; index <= CAP; index++) await enqueue(t, "c", `m${index}`);
  return t;
}

async function waiting(t: Harness): Promise<string[]> {
  const messages = (await snapshotOfAllTables(t)).messages ?? [];
  const queued = messages.filter(({ status }) => status === "queued");
  queued.sort((left, right) => Number(left["sequence"]) - Number(right["sequence"]));
  return queued.map(({ payload }) => (payload as { messageText: string }).messageText);
}

async function dropped(t: Harness) {
  return ((await snapshotOfAllTables(t)).messages ?? []).filter(({ status }) => status === "dropped");
}

describe("one message more than a conversation may have waiting", () => {
  useFakeClock();

  it("is refused by default, with nothing written, and only there", async () => {
    const t = await full("reject");
    const message = await expectRefused(t, "queue_full", async () => enqueue(t, "c", "m4"));
    expect(message).toMatch(/3 messages were waiting/);
    await enqueue(t, "other");
    const worker = await startWorker(t);
    const claimed = await worker.mustClaim("c");
    // A running one does not wait.
    await enqueue(t, "c", "m4");
    await worker.complete(claimed);
    expect(await waiting(t)).toEqual(["m2", "m3", "hi", "m4"].sort());
  });

  it("is stored as dropped under drop_new, and never runs", async () => {
    const t = await full("drop_new");
    const id = await enqueue(t, "c", "m4", { externalMessageId: "e4" });
    expect(await dropped(t)).toMatchObject([
      { _id: id, lastError: expect.stringMatching(/^Dropped: 3 messages/) as string },
    ]);
    expect(await waiting(t)).toEqual(["m1", "m2", "m3"]);
    expect(await queueStats(t)).toMatchObject({ queued: 3, dropped: 1 });
    // Its delivery is known all the same.
    expect(await enqueue(t, "c", "m4", { externalMessageId: "e4" })).toBe(id);
    const worker = await startWorker(t);
    await worker.complete(await worker.mustClaim());
    await enqueue(t, "c", "m5");
    expect(await waiting(t)).toEqual(["m2", "m3", "m5"]);
  });

  it("pushes the oldest one out under drop_old, which stays on record", async () => {
    const t = await full("drop_old");
    await enqueue(t, "c", "m4");
    await enqueue(t, "c", "m5");
    expect(await waiting(t)).toEqual(["m3", "m4", "m5"]);
    expect(await dropped(t)).toHaveLength(2);
    expect(await queueStats(t)).toMatchObject({ queued: 3, queuedReady: 1, dropped: 2 });
    const worker = await startWorker(t);
    const claimed = await worker.mustClaim();
    expect(claimed.payload.messageText).toBe("m3");
    expect((await worker.hydrate(claimed)).conversationState.contextHistory).toEqual([]);
  });

  it("is counted against what waits behind a running message as well", async () => {
    const t = await full("drop_old");
    const worker = await startWorker(t);
    const claimed = await worker.mustClaim();
    for (const text of ["m4", "m5"]) await enqueue(t, "c", text);
    expect(await waiting(t)).toEqual(["m3", "m4", "m5"]);
    await worker.complete(claimed);
    expect((await worker.mustClaim()).payload.messageText).toBe("m3");
  });

  it("wakes a lane whose delayed head it pushes out", async () => {
    const t = await startWithAgent({ maxQueuedPerConversation: 2, overflow: "drop_old" });
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    await enqueue(t, "c", "m2");
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0 });
    await enqueue(t, "c", "m3");
    expect(await queueStats(t)).toMatchObject({ queuedReady: 1, queued: 2 });
    expect((await (await startWorker(t)).mustClaim()).payload.messageText).toBe("m2");
  });

  it("may be less than waits already when the cap was lowered: one goes for each that comes", async () => {
    const t = await full("drop_old");
    await configureAgent(t, "a", true, { maxQueuedPerConversation: 1, overflow: "drop_old" });
    await enqueue(t, "c", "m4");
    expect(await waiting(t)).toEqual(["m2", "m3", "m4"]);
  });
});

describe("summarize", () => {
  useFakeClock();

  it("tells the next turn what was dropped, and the transcript too", async () => {
    const t = await full("summarize");
    await enqueue(t, "c", "m4");
    await enqueue(t, "c", "m5");
    const worker = await startWorker(t);
    const claimed = await worker.mustClaim();
    expect(claimed.payload.messageText).toBe("m3");
    const told = "2 earlier messages were dropped, because too many were waiting:\n- m1\n- m2";
    expect((await worker.hydrate(claimed)).conversationState.contextHistory).toMatchObject([
      { role: "system", content: told },
    ]);
    await worker.complete(claimed, "ok");
    const next = await worker.mustClaim();
    const history = (await worker.hydrate(next)).conversationState.contextHistory;
    expect(history.map(({ role, content }) => [role, content])).toEqual([
      ["system", told],
      ["user", "m3"],
      ["assistant", "ok"],
    ]);
  });

  it("keeps it across retries, and hands it on when the turn comes to nothing", async () => {
    const t = await full("summarize");
    await enqueue(t, "c", "m4");
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    await worker.fail(await worker.mustClaim());
    await runScheduled(t, 2_000);
    const again = await worker.mustClaim();
    const context = async (claimed: typeof again) =>
      (await worker.hydrate(claimed)).conversationState.contextHistory.map(({ content }) => content).join("\n");
    expect(await context(again)).toContain("- m1");
    await worker.fail(again, "no", false);
    const next = await worker.mustClaim();
    expect(next.payload.messageText).toBe("m3");
    expect(await context(next)).toContain("- m1");
    await cancel(t, next.messageId);
    const last = await worker.mustClaim();
    expect(await context(last)).toContain("- m1");
    await worker.complete(last);
  });

  it("stays bounded, however much is dropped", async () => {
    const t = await full("summarize");
    for (let index = CAP + 1; index <= 40; index++) await enqueue(t, "c", `m${index} ${"x".repeat(2_000)}`);
    const worker = await startWorker(t);
    const claimed = await worker.mustClaim();
    const [entry] = (await worker.hydrate(claimed)).conversationState.contextHistory;
    expect(entry?.content).toMatch(/^37 earlier messages were dropped/);
    expect(entry?.content).toContain("(17 more before these)");
    expect(entry?.content.split("\n")).toHaveLength(MAX_BULLETS + 2);
    expect(entry?.content.length).toBeLessThan(5_000);
  });

  it("is one line each, whatever the message looks like", () => {
    expect(summarize("two\n  lines\t here ").bullets).toEqual(["two lines here"]);
    expect(summarize("   ").bullets).toEqual(["(a message without text)"]);
    expect(mergeSummaries(undefined, undefined)).toBeUndefined();
    expect(summaryText(summarize("one"))).toMatch(/^1 earlier message was dropped/);
  });
});
