import { describe, expect, it } from "vitest";
import {
  bindUser,
  component,
  configureAgent,
  enqueue,
  inComponent,
  lib,
  passTime,
  queueStats,
  runScheduled,
  scheduledFunctions,
  snapshotOfAllTables,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

const SHARED = { isolation: "shared" as const, conversationsPerWorker: 8 };

async function statesOfLanes(t: Harness) {
  const lanes = await inComponent(t, async (ctx) => await ctx.db.query("lanes").collect());
  return lanes.map(({ state }) => state);
}

describe("messages of an agent that was disabled after they were accepted", () => {
  useFakeClock();

  it("wait, untouched and without an attempt, until it is enabled", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: SHARED });
    const first = await enqueue(t, "c", "first");
    await enqueue(t, "c", "second");
    await configureAgent(t, "a", false);
    const before = (await snapshotOfAllTables(t)).messages;
    expect(await worker.claim()).toBeNull();
    expect((await snapshotOfAllTables(t)).messages).toEqual(before);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0, queued: 2, processing: 0, done: 0, deadLetter: 0 });
    await configureAgent(t, "a");
    await runScheduled(t);
    expect(await worker.mustClaim()).toMatchObject({ messageId: first, attempt: 1 });
  });

  it("say that this is what they wait for", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const conversationId = await bindUser(t, "ada");
    await enqueue(t, conversationId);
    await configureAgent(t, "a", false);
    await worker.claim();
    const [item] = await t.action(
      async (ctx) => await ctx.runQuery(lib.listQueueItemsForUserAgent, { consumerUserId: "ada", agentKey: "a" }),
    );
    expect(item?.waitingReason).toEqual({
      kind: "agent_disabled",
      message: 'Agent "a" is disabled; the message waits until it is enabled.',
    });
  });

  it("do not stand in the way of other agents' messages, nor ask for machines", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    const worker = await startWorker(t, { policy: SHARED });
    for (let index = 0; index < 12; index++) await enqueue(t, `c${index}`);
    passTime(1);
    await enqueue(t, "d", "hi", { agentKey: "b" });
    await configureAgent(t, "a", false);
    // A claim looks at a handful of conversations; those it put aside are out of the way of the next one.
    let claimed = await worker.claim();
    for (let tries = 0; claimed === null && tries < 5; tries++) claimed = await worker.claim();
    expect(claimed).toMatchObject({ conversationId: "d" });
    expect((await worker.inbox()).work).toBeNull();
    const before = await scheduledFunctions(t);
    await sweep(t);
    expect(await scheduledFunctions(t)).toEqual(before);
  });

  it("keep their order and their time when they go on", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { ...SHARED, leaseDurationMs: 600_000 } });
    await enqueue(t, "c", "first");
    await enqueue(t, "c", "second", { scheduledFor: Date.now() + 60_000 });
    await configureAgent(t, "a", false);
    await worker.claim();
    await configureAgent(t, "a");
    await runScheduled(t);
    await worker.complete(await worker.mustClaim());
    expect(await worker.claim()).toBeNull();
    expect(await statesOfLanes(t)).toEqual(["delayed"]);
  });

  it("go on in as many batches as it takes", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 70; index++) await enqueue(t, `c${index}`, "x".repeat(128 * 1024));
    await inComponent(t, async (ctx) => {
      for await (const lane of ctx.db.query("lanes")) await ctx.db.patch("lanes", lane._id, { state: "paused" });
    });
    await t.action(async (ctx) => await ctx.runMutation(component.queue.internal.resumeAgent, { agentKey: "a" }));
    expect(new Set(await statesOfLanes(t))).toEqual(new Set(["paused", "ready"]));
    await runScheduled(t);
    expect(new Set(await statesOfLanes(t))).toEqual(new Set(["ready"]));
  });

  it("stay where they are when the agent is disabled again before they could go on", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await configureAgent(t, "a", false);
    await worker.claim();
    await configureAgent(t, "a");
    await configureAgent(t, "a", false);
    await runScheduled(t);
    expect(await statesOfLanes(t)).toEqual(["paused"]);
    await configureAgent(t, "a");
    await runScheduled(t);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "c" });
  });

  it("are joined by what comes after the agent is enabled, in order", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "first");
    await configureAgent(t, "a", false);
    await worker.claim();
    await configureAgent(t, "a");
    await enqueue(t, "c", "second");
    await runScheduled(t);
    await worker.complete(await worker.mustClaim());
    expect(await worker.mustClaim()).toMatchObject({ payload: { messageText: "second" } });
  });

  it("that run when it happens may finish", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    await configureAgent(t, "a", false);
    expect((await worker.hydrate(claimed)).messageId).toBe(claimed.messageId);
    expect(await worker.complete(claimed)).toBe(true);
  });
});

describe("configuring an agent", () => {
  useFakeClock();

  it("takes up again what was put aside for one that was removed and is there again", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const messageId = await enqueue(t, "c");
    await configureAgent(t, "a", false);
    expect(await worker.claim()).toBeNull();
    await inComponent(t, async (ctx) => {
      const agent = await ctx.db.query("agents").first();
      if (agent !== null) await ctx.db.delete("agents", agent._id);
    });
    await configureAgent(t, "a");
    await runScheduled(t);
    expect(await worker.mustClaim()).toMatchObject({ messageId });
  });

  it("wakes nobody unless it was disabled before and is enabled now", async () => {
    const t = await startWithAgent();
    await runScheduled(t);
    const resumes = async () => (await scheduledFunctions(t)).filter(({ name }) => name.endsWith("resumeAgent")).length;
    await configureAgent(t, "a");
    await configureAgent(t, "a", false);
    await configureAgent(t, "a", false);
    expect(await resumes()).toBe(0);
    await configureAgent(t, "a");
    expect(await resumes()).toBe(1);
  });
});
