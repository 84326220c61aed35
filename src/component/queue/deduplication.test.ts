import { describe, expect, it } from "vitest";
import {
  configureAgent,
  enqueue,
  inComponent,
  lib,
  passTime,
  queueStats,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { FINISHED_MESSAGE_RETENTION_MS } from "./retention.js";

describe("a delivery that comes again", () => {
  useFakeClock();

  it("gets the id of the first one and changes nothing", async () => {
    const t = await startWithAgent();
    const first = await enqueue(t, "c", "hi", { externalMessageId: "42" });
    const before = await snapshotOfAllTables(t);
    expect(await enqueue(t, "c", "hi", { externalMessageId: "42" })).toBe(first);
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("at the same moment is accepted once", async () => {
    const t = await startWithAgent();
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => await enqueue(t, "c", "hi", { externalMessageId: "42" })),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await queueStats(t)).toMatchObject({ queued: 1, queuedReady: 1 });
  });

  it("while it runs, and after it was answered, is still the first one", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const first = await enqueue(t, "c", "hi", { externalMessageId: "42" });
    const claimed = await worker.mustClaim();
    expect(await enqueue(t, "c", "hi", { externalMessageId: "42" })).toBe(first);
    await worker.complete(claimed);
    expect(await enqueue(t, "c", "hi", { externalMessageId: "42" })).toBe(first);
    expect(await worker.claim()).toBeNull();
  });

  it("is still the first one when the agent has been disabled since", async () => {
    const t = await startWithAgent();
    const first = await enqueue(t, "c", "hi", { externalMessageId: "42" });
    await configureAgent(t, "a", false);
    expect(await enqueue(t, "c", "hi", { externalMessageId: "42" })).toBe(first);
  });

  it("is another one from another provider, or for another agent", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    const ids = [
      await enqueue(t, "c", "hi", { externalMessageId: "42" }),
      await enqueue(t, "c", "hi", { externalMessageId: "42", payload: { provider: "telegram" } }),
      await enqueue(t, "d", "hi", { externalMessageId: "42", agentKey: "b" }),
    ];
    expect(new Set(ids).size).toBe(3);
  });

  it("without an id is a message of its own", async () => {
    const t = await startWithAgent();
    expect(await enqueue(t, "c")).not.toBe(await enqueue(t, "c"));
  });

  it("is forgotten with the message, a retention later", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const first = await enqueue(t, "c", "hi", { externalMessageId: "42" });
    await worker.complete(await worker.mustClaim());
    passTime(FINISHED_MESSAGE_RETENTION_MS - 1);
    await t.action(async (ctx) => await ctx.runMutation(lib.runRetention, {}));
    expect(await enqueue(t, "c", "hi", { externalMessageId: "42" })).toBe(first);
    passTime(1);
    await t.action(async (ctx) => await ctx.runMutation(lib.runRetention, {}));
    const again = await enqueue(t, "c", "hi", { externalMessageId: "42" });
    expect(again).not.toBe(first);
    const rows = await inComponent(t, async (ctx) => await ctx.db.query("messages").collect());
    expect(rows.map(({ sequence }) => sequence)).toEqual([2]);
  });
});
