import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  enqueue,
  inComponent,
  passTime,
  queueStats,
  runScheduled,
  startWithAgent,
  startWorker,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
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
          expect(await queueStats(t)).toEqual(await countedRows(t));
        }
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it("are spread over a few rows, however much happens", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 60; index++) await enqueue(t, `c${index}`);
    const rows = await inComponent(t, async (ctx) => await ctx.db.query("queueCounters").collect());
    expect(rows.length).toBeGreaterThan(COUNTER_SHARDS / 2);
    expect(rows.length).toBeLessThanOrEqual(COUNTER_SHARDS);
    expect(new Set(rows.map(({ shard }) => shard)).size).toBe(rows.length);
  });
});
