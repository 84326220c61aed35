import { describe, expect, it } from "vitest";
import {
  bindUser,
  enqueue,
  inComponent,
  lib,
  runScheduled,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

async function reasons(t: Harness, limit = 50) {
  const items = await t.action(
    async (ctx) => await ctx.runQuery(lib.listQueueItemsForConversation, { conversationId: "c", limit }),
  );
  return items.map(({ waitingReason }) => waitingReason?.kind ?? null);
}

async function givePoolProblem(t: Harness) {
  await inComponent(t, async (ctx) => {
    const problem = { kind: "secret_missing", message: "Store the token.", at: Date.now() };
    const run = { poolKey: "default", status: "idle" as const, generation: 1, deadlineAt: 0, problem };
    await ctx.db.insert("poolRuns", { ...run, consecutiveFailures: 1 });
  });
}

describe("why a message waits", () => {
  useFakeClock();

  it("is that a worker is on its way, or that others come first", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c");
    await enqueue(t, "c");
    expect(await reasons(t)).toEqual(["starting_worker", "behind"]);
    await (await startWorker(t)).mustClaim();
    expect(await reasons(t)).toEqual([null, "behind"]);
  });

  it("does not depend on how much of the list is shown", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c");
    await enqueue(t, "c");
    expect(await reasons(t, 1)).toEqual(["behind"]);
    await (await startWorker(t)).mustClaim();
    expect(await reasons(t, 1)).toEqual(["behind"]);
  });

  it("is its own time, when it is scheduled for later", async () => {
    const t = await startWithAgent();
    await givePoolProblem(t);
    await enqueue(t, "c", "later", { scheduledFor: Date.now() + 60_000 });
    await enqueue(t, "c");
    expect(await reasons(t)).toEqual(["scheduled", "behind"]);
  });

  it("is the backoff after a failure", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.fail(await worker.mustClaim());
    expect(await reasons(t)).toEqual(["retrying"]);
    await runScheduled(t, 2_000);
    expect((await reasons(t)).length).toBe(1);
  });

  it("is the pool's problem, when it has one, in the pool's own words", async () => {
    const t = await startWithAgent();
    await givePoolProblem(t);
    await enqueue(t, "c");
    const [item] = await t.action(
      async (ctx) => await ctx.runQuery(lib.listQueueItemsForConversation, { conversationId: "c" }),
    );
    expect(item?.waitingReason).toEqual({ kind: "secret_missing", message: "Store the token." });
  });

  it("is told to a user without those words, which are about how the app is run", async () => {
    const t = await startWithAgent();
    await givePoolProblem(t);
    await enqueue(t, await bindUser(t, "ada"));
    const ada = { consumerUserId: "ada", agentKey: "a" };
    const [listed] = await t.action(async (ctx) => await ctx.runQuery(lib.listQueueItemsForUserAgent, ada));
    const { queueItems } = await t.action(async (ctx) => await ctx.runQuery(lib.getConversationViewForUserAgent, ada));
    for (const item of [listed, queueItems[0]]) {
      expect(item?.waitingReason?.kind).toBe("secret_missing");
      expect(item?.waitingReason?.message).toMatch(/^No worker can be started.*The message waits/);
    }
  });

  it("is that there is no provider configuration, on a pool that never had one", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c");
    await runScheduled(t, 0);
    expect(await reasons(t)).toEqual(["provider_config_missing"]);
    expect(await (await startWorker(t)).claim()).toMatchObject({ conversationId: "c" });
  });

  it("is nothing for a message that has ended", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    expect(await reasons(t)).toEqual([null]);
  });
});
