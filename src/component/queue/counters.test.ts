import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  configureAgent,
  enqueue,
  inComponent,
  lib,
  passTime,
  queueStats,
  runScheduled,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { isAgentFactoryError } from "../../shared/errors.js";
import type { Claim } from "../../shared/worker-protocol.js";
import { COUNTER_SHARDS } from "./counters.js";

/** Counts the slow way what the counters keep. */
async function countedRows(t: Harness) {
  return await inComponent(t, async (ctx) => {
    const messages = await ctx.db.query("messages").collect();
    const lanes = await ctx.db.query("lanes").collect();
    const leases = await ctx.db.query("leases").collect();
    const having = (status: string) => messages.filter((message) => message.status === status).length;
    expect(leases).toHaveLength(having("processing"));
    expect(lanes.filter(({ state }) => state === "leased")).toHaveLength(leases.length);
    for (const lane of lanes) {
      const queued = messages.filter((m) => m.conversationId === lane.conversationId && m.status === "queued").length;
      expect(lane.queuedCount).toBe(queued);
      // A lane is idle exactly when nothing waits and nothing runs.
      expect(lane.state === "idle").toBe(queued === 0 && !leases.some(({ laneId }) => laneId === lane._id));
    }
    return {
      queuedReady: lanes.filter(({ state }) => state === "ready").length,
      queued: having("queued"),
      processing: having("processing"),
      done: having("done"),
      deadLetter: having("dead_letter"),
    };
  });
}

async function agentStats(t: Harness) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.agentQueueStats, { agentKey: "a" }));
}

const commands = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("enqueue" as const), lane: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("enqueueLater" as const), lane: fc.nat(3) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("claim" as const), worker: fc.nat(2) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("complete" as const, "fail", "bury", "release") }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("wait" as const, "expire", "sweep") }) },
  ),
  { minLength: 5, maxLength: 30 },
);

describe("the counters", () => {
  useFakeClock();

  it("always say what counting the rows would say", async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (steps) => {
        const t = await startWithAgent();
        const policy = { isolation: "shared" as const, conversationsPerWorker: 2, leaseDurationMs: 60_000 };
        const workers = [await startWorker(t, { policy }), await startWorker(t, { policy }), await startWorker(t)];
        const held: { worker: (typeof workers)[number]; claimed: Claim }[] = [];
        for (const step of steps) {
          switch (step.do) {
            case "enqueue":
              await enqueue(t, `c${step.lane}`, "hi", { maxAttempts: 2 });
              break;
            case "enqueueLater":
              await enqueue(t, `c${step.lane}`, "hi", { scheduledFor: Date.now() + 30_000 });
              break;
            case "claim": {
              const worker = workers[step.worker]!;
              const claimed = await worker.claim();
              if (claimed !== null) held.push({ worker, claimed });
              break;
            }
            case "wait":
              for (const worker of workers) await worker.heartbeat();
              await runScheduled(t, 10_000);
              break;
            case "expire":
              passTime(60_000);
              break;
            case "sweep":
              await sweep(t);
              for (const worker of workers) await worker.heartbeat();
              break;
            default: {
              const last = held.pop();
              if (last === undefined) break;
              const { worker, claimed } = last;
              const end = {
                complete: async () => await worker.complete(claimed),
                fail: async () => await worker.fail(claimed),
                bury: async () => await worker.fail(claimed, "no", false),
                release: async () => await worker.release(claimed),
              }[step.do];
              // A lease may have been lost by now; then nothing may change, which the next line would notice.
              await end().catch((error: unknown) => {
                if (!isAgentFactoryError(error, "lease_lost")) throw error;
              });
            }
          }
          const counted = await countedRows(t);
          expect(await queueStats(t)).toMatchObject(counted);
          expect(await agentStats(t)).toMatchObject(counted);
        }
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it("are spread over a few rows, however much happens", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 60; index++) await enqueue(t, `c${index}`);
    const rows = await inComponent(t, async (ctx) => await ctx.db.query("queueCounters").collect());
    for (const scope of ["pool:default", "agent:a"]) {
      const shards = rows.filter((row) => row.scope === scope).map(({ shard }) => shard);
      expect(shards.length).toBeGreaterThan(COUNTER_SHARDS / 2);
      expect(shards.length).toBeLessThanOrEqual(COUNTER_SHARDS);
      expect(new Set(shards).size).toBe(shards.length);
    }
  });

  it("tell agents apart", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    await enqueue(t, "c1");
    await enqueue(t, "c2", "hi", { agentKey: "b" });
    expect(await queueStats(t)).toMatchObject({ queued: 2, queuedReady: 2 });
    expect(await agentStats(t)).toMatchObject({ queued: 1, queuedReady: 1 });
  });

  it("say how long the longest waiting conversation has been ready", async () => {
    const t = await startWithAgent();
    expect(await queueStats(t)).toMatchObject({ oldestReadyAt: null, oldestReadyAgeMs: null });
    const since = Date.now();
    await enqueue(t, "c1");
    passTime(5_000);
    await enqueue(t, "c2", "hi", { priority: 100 });
    passTime(1_000);
    expect(await queueStats(t)).toMatchObject({ oldestReadyAt: since, oldestReadyAgeMs: 6_000 });
    const worker = await startWorker(t);
    await worker.mustClaim("c1");
    expect(await agentStats(t)).toMatchObject({ oldestReadyAt: since + 5_000, oldestReadyAgeMs: 1_000 });
  });

  it("say how many messages are done per minute, and forget", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { leaseDurationMs: 3_600_000 } });
    for (let index = 0; index < 10; index++) {
      await enqueue(t, "c");
      await worker.complete(await worker.mustClaim());
    }
    expect((await queueStats(t)).donePerMinute).toBeCloseTo(2, 5);
    passTime(11 * 60_000);
    expect(await queueStats(t)).toMatchObject({ donePerMinute: 0, done: 10 });
  });
});
