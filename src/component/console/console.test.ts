import { describe, expect, it } from "vitest";
import {
  bindUser,
  configureAgent,
  enqueue,
  expectRefused,
  inComponent,
  lib,
  passTime,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { upload } from "../snapshots/snapshots.test-kit.js";
import { moveWorker } from "../workers/fleet.js";

const ada = { consumerUserId: "ada", agentKey: "a" };

async function send(t: Harness, content: string, user = ada) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.sendMessageToUserAgent, { ...user, content }));
}

async function view(t: Harness, limit?: number) {
  const args = { ...ada, ...(limit === undefined ? {} : { limit }) };
  return await t.action(async (ctx) => await ctx.runQuery(lib.getConversationViewForUserAgent, args));
}

describe("a conversation as its user sees it", () => {
  useFakeClock();

  it("is empty at first", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    expect(await view(t)).toEqual({
      conversationId,
      contextHistory: [],
      pendingToolCalls: [],
      queueItems: [],
      hasQueuedJobs: false,
      latestMessageId: null,
      lastUserMessageAt: null,
      lastAssistantMessageAt: null,
      liveTurn: null,
    });
  });

  it("shows what waits, what runs and what was said, through the life of a message", async () => {
    const t = await startWithAgent();
    await bindUser(t, "ada");
    const worker = await startWorker(t);
    const messageId = await send(t, "hello");
    expect(await view(t)).toMatchObject({
      queueItems: [{ _id: messageId, status: "queued", waitingReason: { kind: "starting_worker" } }],
      hasQueuedJobs: true,
      latestMessageId: messageId,
      liveTurn: null,
    });
    const claimed = await worker.mustClaim();
    await worker.stream(claimed, 0, "hi the", [
      { callId: "1", toolName: "search", status: "running" },
      { callId: "2", toolName: "read", status: "done" },
    ]);
    expect(await view(t)).toMatchObject({
      queueItems: [{ _id: messageId, status: "processing", waitingReason: null }],
      hasQueuedJobs: false,
      liveTurn: { messageId, attempt: 1, startedAt: Date.now(), text: "hi the" },
      pendingToolCalls: [{ callId: "1" }],
    });
    passTime(1_000);
    await worker.complete(claimed, "hi there");
    expect(await view(t)).toMatchObject({
      contextHistory: [
        { role: "user", content: "hello" },
        { role: "assistant", content: "hi there", at: Date.now() },
      ],
      queueItems: [],
      hasQueuedJobs: false,
      latestMessageId: messageId,
      lastAssistantMessageAt: Date.now(),
      liveTurn: null,
    });
  });

  it("names the newest message even when the list is cut before it", async () => {
    const t = await startWithAgent();
    await bindUser(t, "ada");
    await send(t, "one");
    const newest = await send(t, "two");
    expect(await view(t, 1)).toMatchObject({
      queueItems: [{ payload: { messageText: "one" } }],
      latestMessageId: newest,
    });
  });

  it("fits into a call however much waits", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    for (let index = 0; index < 100; index++) {
      await enqueue(t, conversationId, "x".repeat(128 * 1024), { payload: { rawUpdateJson: "x".repeat(60_000) } });
    }
    const { queueItems, hasQueuedJobs } = await view(t, 200);
    expect(queueItems.length).toBeGreaterThan(5);
    expect(queueItems.length).toBeLessThan(100);
    expect(hasQueuedJobs).toBe(true);
  });

  it("is not to be had without a binding, nor after it was revoked, nor for another agent", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    await bindUser(t, "bob");
    await expectRefused(t, "binding_not_found", async () => view(t));
    await bindUser(t, "ada", "b");
    await expectRefused(t, "binding_not_found", async () => view(t));
    await bindUser(t, "ada");
    await t.action(async (ctx) => await ctx.runMutation(lib.revokeUserAgentBinding, { consumerUserId: "ada" }));
    for (const call of [
      async () => view(t),
      async () => send(t, "hello"),
      async () => t.action(async (ctx) => await ctx.runQuery(lib.listQueueItemsForUserAgent, ada)),
      async () => t.action(async (ctx) => await ctx.runQuery(lib.listSnapshotsForUserAgent, ada)),
      async () => t.action(async (ctx) => await ctx.runQuery(lib.getLatestSnapshotForUserAgent, ada)),
    ]) {
      const message = await expectRefused(t, "binding_not_found", call);
      expect(message).toMatch(/bindUserAgent/);
    }
  });

  it("shows nothing of another user's", async () => {
    const t = await startWithAgent();
    await bindUser(t, "ada");
    await bindUser(t, "bob");
    await send(t, "bob's secret", { consumerUserId: "bob", agentKey: "a" });
    expect(JSON.stringify(await view(t))).not.toContain("secret");
  });

  it("takes no message for a disabled agent", async () => {
    const t = await startWithAgent();
    await bindUser(t, "ada");
    await configureAgent(t, "a", false);
    await expectRefused(t, "agent_disabled", async () => send(t, "hello"));
  });
});

describe("lists of queue items", () => {
  useFakeClock();

  it("are in order, and of the statuses that were asked for", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    const worker = await startWorker(t);
    for (const text of ["1", "2", "3", "4"]) await send(t, text);
    await worker.complete(await worker.mustClaim());
    await worker.fail(await worker.mustClaim(), "no", false);
    await worker.mustClaim();
    const list = async (statuses?: ("queued" | "done" | "dead_letter" | "processing")[], limit = 50) =>
      (
        await t.action(
          async (ctx) =>
            await ctx.runQuery(lib.listQueueItemsForUserAgent, {
              ...ada,
              limit,
              ...(statuses === undefined ? {} : { statuses }),
            }),
        )
      ).map(({ payload, status }) => `${payload.messageText} ${status}`);
    const all = ["1 done", "2 dead_letter", "3 processing", "4 queued"];
    expect(await list()).toEqual(all);
    expect(await list(undefined, 2)).toEqual(all.slice(2));
    expect(await list(["queued", "processing"])).toEqual(["4 queued", "3 processing"]);
    expect(await list(["done", "done"])).toEqual(["1 done"]);
    expect(await list(["dead_letter", "queued"], 1)).toEqual(["2 dead_letter"]);
    const ofConversation = await t.action(
      async (ctx) => await ctx.runQuery(lib.listQueueItemsForConversation, { conversationId }),
    );
    expect(ofConversation.map(({ lastError }) => lastError)).toEqual([null, "no", null, null]);
    const queued = async () =>
      await t.action(async (ctx) => await ctx.runQuery(lib.hasQueuedJobsForConversation, { conversationId }));
    expect(await queued()).toBe(true);
  });
});

describe("snapshots as their user sees them", () => {
  useFakeClock();

  it("are newest first, with the current one by itself", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    const worker = await startWorker(t);
    const latest = async () =>
      await t.action(async (ctx) => await ctx.runQuery(lib.getLatestSnapshotForUserAgent, ada));
    expect(await latest()).toBeNull();
    const ids = [];
    for (const content of ["one", "two"]) {
      await send(t, content);
      const claimed = await worker.mustClaim();
      const { snapshotId } = await upload(t, worker, claimed, content);
      await worker.complete(claimed, "ok", { snapshotId });
      ids.push(snapshotId);
    }
    expect(await latest()).toMatchObject({ snapshotId: ids[1], status: "ready", sizeBytes: 3, conversationId });
    const list = await t.action(async (ctx) => await ctx.runQuery(lib.listSnapshotsForUserAgent, ada));
    expect(list.map(({ snapshotId }) => snapshotId)).toEqual([ids[1], ids[0]]);
    for (const { downloadUrl } of list) expect(downloadUrl).toMatch(/^https:/);
    const ofOther = await t.action(
      async (ctx) => await ctx.runQuery(lib.listSnapshotsForConversation, { conversationId: "other" }),
    );
    expect(ofOther).toEqual([]);
  });
});

describe("the fleet as an operator sees it", () => {
  useFakeClock();

  it("lists live workers oldest first, then stopped ones, and nothing secret", async () => {
    const t = await startWithAgent();
    const workers = [];
    for (let index = 0; index < 4; index++) {
      workers.push(await startWorker(t));
      passTime(1_000);
    }
    const [stopped, draining, , newest] = workers;
    await inComponent(t, async (ctx) => {
      for (const event of ["lost", "gone"] as const) await moveWorker(ctx, stopped!.workerId, event, "Gone.");
      await moveWorker(ctx, draining!.workerId, "drain_requested", "Idle for long.");
    });
    await enqueue(t, "c");
    await newest!.mustClaim();
    const list = async (limit?: number) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.listWorkers, limit === undefined ? {} : { limit }));
    const all = await list();
    expect(all.map(({ workerId }) => workerId)).toEqual([
      ...workers.slice(1).map(({ workerId }) => workerId),
      stopped!.workerId,
    ]);
    expect(all[0]).toMatchObject({ status: "draining", statusReason: "Idle for long.", isolationKey: null });
    expect(all[2]).toMatchObject({ status: "active", load: 1, isolationKey: "conversation:c" });
    expect(all[3]).toMatchObject({ status: "stopped", load: 0 });
    expect((await list(2)).map(({ workerId }) => workerId)).toEqual(all.slice(0, 2).map(({ workerId }) => workerId));
    expect(JSON.stringify(all)).not.toMatch(/hash|token|credential/i);
    const stats = await t.action(async (ctx) => await ctx.runQuery(lib.workerStats, {}));
    expect(stats).toMatchObject({ activeCount: 2, idleCount: 1 });
    expect(stats.workers).toHaveLength(3);
    await expectRefused(t, "invalid_argument", async () => list(1_001));
  });
});
