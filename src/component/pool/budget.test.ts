/** What a reconcile with nothing to do reads and writes: flat in the age of the deployment, three documents per live machine. */
import { describe, expect, it } from "vitest";
import type { ActionCtx, MutationCtx } from "../functions.js";
import { enqueue, inComponent, type Harness } from "../setup.test-kit.js";
import { letTimePass, PROVIDER, startPool, useFakePool, whileTimePasses, type Pool } from "./pool.test-kit.js";
import { reconcilePool } from "./reconcile.js";
import { WITH_VOLUMES } from "./volumes/volumes.test-kit.js";

type Cost = { read: number; written: number; lists: number; calls: number };

/** Runs the reconcile as the action would, each of its queries and mutations in a transaction that is measured. */
async function costOfReconcile({ t, api }: Pool): Promise<Cost> {
  const cost: Cost = { read: 0, written: 0, lists: 0, calls: 0 };
  const measured = async (run: (ctx: MutationCtx) => Promise<unknown>) =>
    await inComponent(t, async (ctx) => {
      const result = await run(ctx);
      const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
      cost.read += documentsRead.used;
      cost.written += documentsWritten.used;
      return result;
    });
  const ctx = {
    runQuery: async (reference: never, args: never) =>
      await measured(async (inner) => await inner.runQuery(reference, args)),
    runMutation: async (reference: never, args: never) =>
      await measured(async (inner) => await inner.runMutation(reference, args)),
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  api.calls.length = 0;
  // The reconcile uses no more of its context than this.
  await whileTimePasses(reconcilePool(ctx as unknown as ActionCtx, "default"));
  return { ...cost, lists: api.count("list"), calls: api.calls.length };
}

async function addStoppedWorkers(t: Harness, count: number): Promise<void> {
  const batch = 2_000;
  for (let start = 0; start < count; start += batch) {
    await inComponent(t, async (ctx) => {
      for (let index = start; index < Math.min(count, start + batch); index++) {
        await ctx.db.insert("workers", {
          workerId: `wold${index}`,
          poolKey: "default",
          generation: 1,
          status: "stopped",
          statusSince: index,
          statusReason: "Its machine is destroyed.",
          machineName: `default-wold${index}-g1`,
          providerKind: "fly",
          appName: "app",
          image: "image",
          credentialHash: "0".repeat(64),
          credentialExpiresAt: 0,
          isolation: "conversation",
          capacity: 1,
          leaseDurationMs: 45_000,
          runTimeoutMs: 60_000,
          createdAt: 0,
          lastActiveAt: 0,
          stoppedAt: index + 1,
        });
      }
    });
  }
}

describe("a reconcile with nothing to do", () => {
  useFakePool();

  it("of an empty pool reads a handful of documents and writes one", async () => {
    const pool = await startPool();
    const { read, written, calls } = await costOfReconcile(pool);
    expect(read).toBeLessThanOrEqual(12);
    expect({ written, calls }).toEqual({ written: 1, calls: 1 });
  });

  it.each([
    ["without a volume", PROVIDER],
    ["with one", WITH_VOLUMES],
  ])("reads three documents more per live machine %s, busy or idle, and still writes one", async (_what, provider) => {
    const pool = await startPool({ maxWorkers: 6, idleTimeoutMs: 30 * 60_000 }, provider);
    pool.fleet.turnMs = 60 * 60_000;
    for (let index = 0; index < 6; index++) {
      await enqueue(pool.t, `c${index}`);
      await pool.fleet.run(20_000);
      const { read, written, lists, calls } = await costOfReconcile(pool);
      expect(read).toBeLessThanOrEqual(12 + 3 * (index + 1));
      expect({ written, lists, calls }).toEqual({ written: 1, lists: 1, calls: 1 });
    }
  });

  it("does not read a worker that has stopped, be there 20,000 of them", async () => {
    const pool = await startPool({ minWorkers: 2 });
    await pool.fleet.run(20_000);
    const before = await costOfReconcile(pool);
    await addStoppedWorkers(pool.t, 20_000);
    await letTimePass(1_000);
    expect(await costOfReconcile(pool)).toEqual(before);
  });

  it("does not read more for a longer backlog than the pool could ever serve", async () => {
    const pool = await startPool({ maxWorkers: 2, idleTimeoutMs: 30 * 60_000 });
    pool.fleet.turnMs = 60 * 60_000;
    for (let index = 0; index < 10; index++) await enqueue(pool.t, `c${index}`);
    await pool.fleet.run(20_000);
    const before = await costOfReconcile(pool);
    for (let index = 10; index < 60; index++) await enqueue(pool.t, `c${index}`);
    expect((await costOfReconcile(pool)).read).toBeLessThanOrEqual(before.read + 1);
  });
});
