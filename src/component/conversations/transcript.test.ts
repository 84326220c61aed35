import { describe, expect, it } from "vitest";
import {
  bindUser,
  enqueue,
  expectRefused,
  inComponent,
  lib,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";
import { deleteEntriesOfMessage, readWindow } from "./transcript.js";

async function said(t: Harness, conversationId = "c", bounds = { entries: 100, characters: 1e6 }) {
  const window = await inComponent(t, async (ctx) => await readWindow(ctx, conversationId, bounds));
  return window.map(({ role, content }) => `${role}: ${content}`);
}

async function answer(t: Harness, worker: StartedWorker, text: string, reply: string) {
  await enqueue(t, "c", text);
  await worker.complete(await worker.mustClaim(), reply);
}

describe("a transcript", () => {
  useFakeClock();

  it("tells each turn as question and answer, in the order in which they ran", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await answer(t, worker, "one?", "one.");
    await answer(t, worker, "two?", "two.");
    expect(await said(t)).toEqual(["user: one?", "assistant: one.", "user: two?", "assistant: two."]);
  });

  it("puts what a turn adds of its own between question and answer", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await answer(t, worker, "one?", "one.");
    await enqueue(t, "c", "two?");
    const claimed = await worker.mustClaim();
    expect(await worker.append(claimed, [{ role: "tool", content: "searched" }])).toEqual({
      updated: true,
      messageCount: 1,
    });
    const more = [
      { role: "tool" as const, content: "read" },
      { role: "system" as const, content: "noted" },
    ];
    expect(await worker.append(claimed, more)).toEqual({ updated: true, messageCount: 3 });
    await worker.complete(claimed, "two.");
    expect(await said(t)).toEqual([
      "user: one?",
      "assistant: one.",
      "user: two?",
      "tool: searched",
      "tool: read",
      "system: noted",
      "assistant: two.",
    ]);
  });

  it("keeps nothing of an attempt that came to nothing", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "one?");
    const first = await worker.mustClaim();
    await worker.append(first, [{ role: "tool", content: "first try" }]);
    await worker.release(first);
    // The next attempt begins before the removal of what the first one left.
    const second = await worker.mustClaim();
    await worker.append(second, [{ role: "tool", content: "second try" }]);
    await runScheduled(t);
    await worker.complete(second, "one.");
    await runScheduled(t);
    expect(await said(t)).toEqual(["user: one?", "tool: second try", "assistant: one."]);
  });

  it("keeps what the last attempt of a dead letter has done", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "one?");
    const claimed = await worker.mustClaim();
    await worker.append(claimed, [{ role: "tool", content: "deleted the file" }]);
    await worker.fail(claimed, "no more quota", false);
    await runScheduled(t);
    expect(await said(t)).toEqual([
      "user: one?",
      "tool: deleted the file",
      "system: This message could not be answered: no more quota",
    ]);
  });

  it("is of one conversation only", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared" } });
    await answer(t, worker, "one?", "one.");
    await enqueue(t, "d", "other?");
    expect(await said(t, "d")).toEqual([]);
    const bundle = await worker.hydrate(await worker.mustClaim("d"));
    expect(bundle.conversationState.contextHistory).toEqual([]);
  });

  it("is cut at the newest entries, by number and by size", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    for (const text of ["1", "2", "3"]) await answer(t, worker, `${text}?`, `${text}.`);
    expect(await said(t, "c", { entries: 3, characters: 1e6 })).toEqual(["assistant: 2.", "user: 3?", "assistant: 3."]);
    expect(await said(t, "c", { entries: 100, characters: 5 })).toEqual(["user: 3?", "assistant: 3."]);
    expect(await said(t, "c", { entries: 100, characters: 1 })).toEqual(["assistant: 3."]);
  });
});

describe("what a turn sees of its conversation", () => {
  useFakeClock();

  it("ends before its own message, also when an attempt before it has added something", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await answer(t, worker, "one?", "one.");
    await enqueue(t, "c", "two?");
    const claimed = await worker.mustClaim();
    await worker.append(claimed, [{ role: "tool", content: "half done" }]);
    const history = async (of: typeof claimed) =>
      (await worker.hydrate(of)).conversationState.contextHistory.map(({ content }) => content);
    expect(await history(claimed)).toEqual(["one?", "one."]);
    await worker.release(claimed);
    await runScheduled(t);
    expect(await history(await worker.mustClaim())).toEqual(["one?", "one."]);
  });

  it("fits into a call with any history: the largest answers stop no conversation", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 600_000 } });
    const largest = "\u20ac".repeat(128 * 1024);
    for (let turn = 0; turn < 60; turn++) await answer(t, worker, "more?", largest);
    await enqueue(t, "c", "and now?");
    const { contextHistory } = (await worker.hydrate(await worker.mustClaim())).conversationState;
    expect(contextHistory.length).toBeGreaterThan(0);
    expect(contextHistory.reduce((sum, { content }) => sum + content.length, 0)).toBeLessThanOrEqual(512 * 1024);
  });
});

describe("what a running turn has added", () => {
  useFakeClock();

  it("is not seen by its user before the turn has completed", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    const worker = await startWorker(t);
    await enqueue(t, conversationId, "one?");
    const claimed = await worker.mustClaim();
    await worker.append(claimed, [{ role: "tool", content: "half done" }]);
    const view = async () =>
      await t.action(
        async (ctx) =>
          await ctx.runQuery(lib.getConversationViewForUserAgent, { consumerUserId: "ada", agentKey: "a" }),
      );
    expect((await view()).contextHistory).toEqual([]);
    await worker.complete(claimed, "one.");
    expect((await view()).contextHistory.map(({ content }) => content)).toEqual(["one?", "half done", "one."]);
  });

  it("is bounded by call, by turn and by entry", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    const entries = (count: number) => Array.from({ length: count }, () => ({ role: "tool" as const, content: "x" }));
    await expectRefused(t, "output_too_large", async () => worker.append(claimed, entries(33)));
    await expectRefused(t, "output_too_large", async () =>
      worker.append(claimed, [{ role: "tool", content: "x".repeat(128 * 1024 + 1) }]),
    );
    for (let call = 0; call < 6; call++) await worker.append(claimed, entries(32));
    await expectRefused(t, "output_too_large", async () => worker.append(claimed, entries(9)));
    expect(await worker.append(claimed, entries(8))).toEqual({ updated: true, messageCount: 200 });
    expect(await worker.append(claimed, [])).toEqual({ updated: false, messageCount: 200 });
    expect(await worker.complete(claimed)).toBe(true);
  });

  it("may be as large as it is allowed to be", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    const claimed = await worker.mustClaim();
    const largest = { role: "tool" as const, content: "\u20ac".repeat(128 * 1024) };
    for (let call = 0; call < 6; call++)
      await worker.append(
        claimed,
        Array.from({ length: 32 }, () => largest),
      );
    await worker.complete(claimed);
    const deleteOnce = async () =>
      await inComponent(t, async (ctx) => await deleteEntriesOfMessage(ctx, claimed.messageId));
    let rounds = 1;
    while (!(await deleteOnce())) rounds += 1;
    expect(rounds).toBeGreaterThan(3);
    expect((await snapshotOfAllTables(t)).transcript).toEqual([]);
  });
});
