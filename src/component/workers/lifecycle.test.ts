import { describe, expect, it } from "vitest";
import type { WorkerStatus } from "../../shared/views.js";
import { inComponent, runScheduled, startWithAgent, useFakeClock, type Harness } from "../setup.test-kit.js";
import { spawnWorker } from "../worker.test-kit.js";
import { findWorker } from "./authenticate.js";
import { LIVE_STATUSES, nextWorkerStatus, transition, WORKER_TRANSITIONS, type WorkerEvent } from "./lifecycle.js";

const STATUSES: WorkerStatus[] = ["starting", "active", "suspended", "draining", "stopping", "stopped"];
const EVENTS: WorkerEvent[] = ["enrolled", "suspended", "resumed", "drain_requested", "drained", "lost", "gone"];

/** Written out a second time on purpose: a change of the table must be a change of mind. */
const EXPECTED: Record<WorkerStatus, Partial<Record<WorkerEvent, WorkerStatus>>> = {
  starting: { enrolled: "active", drain_requested: "stopping", lost: "stopping", gone: "stopped" },
  active: { suspended: "suspended", drain_requested: "draining", drained: "stopping", lost: "stopping" },
  suspended: { resumed: "active", drain_requested: "stopping", drained: "stopping", lost: "stopping", gone: "stopped" },
  draining: { drained: "stopping", lost: "stopping" },
  stopping: { gone: "stopped" },
  stopped: {},
};

async function rowOf(t: Harness, workerId: string) {
  const row = await inComponent(t, async (ctx) => await findWorker(ctx, workerId));
  if (row === null) throw new Error("no such worker");
  return row;
}

/** A worker row in that status, and what applying the event returns. */
async function apply(status: WorkerStatus, event: WorkerEvent) {
  const t = await startWithAgent();
  const { workerId } = await spawnWorker(t);
  const spawned = await rowOf(t, workerId);
  await inComponent(t, async (ctx) => await ctx.db.patch("workers", spawned._id, { status }));
  const before = await rowOf(t, workerId);
  await runScheduled(t, 1_000);
  const applied = await inComponent(t, async (ctx) => await transition(ctx, before, event, "Because."));
  return { before, applied, after: await rowOf(t, workerId) };
}

describe("a worker", () => {
  useFakeClock();

  for (const status of STATUSES) {
    for (const event of EVENTS) {
      const next = EXPECTED[status][event];
      if (next === undefined) {
        it(`that is ${status} does not take ${event}: nothing is written`, async () => {
          const { before, applied, after } = await apply(status, event);
          expect(applied).toBe(false);
          expect(after).toEqual(before);
        });
      } else {
        it(`that is ${status} is ${next} after ${event}`, async () => {
          const { applied, after } = await apply(status, event);
          expect(applied).toBe(true);
          expect(after).toMatchObject({ status: next, statusSince: Date.now(), statusReason: "Because." });
          expect(after.stoppedAt).toBe(next === "stopped" ? Date.now() : undefined);
        });
      }
    }
  }

  it("has no transition beyond these", () => {
    expect(WORKER_TRANSITIONS).toEqual(EXPECTED);
  });

  it("can be brought to its end from every status, and never comes back from it", () => {
    for (const status of STATUSES) {
      const reached = new Set<WorkerStatus>([status]);
      for (const seen of reached) {
        for (const event of ["drain_requested", "lost", "gone"] as const) {
          const next = nextWorkerStatus(seen, event);
          if (next !== null) reached.add(next);
        }
      }
      expect(reached).toContain("stopped");
    }
    for (const event of EVENTS) expect(nextWorkerStatus("stopped", event)).toBeNull();
  });

  it("counts as capacity and cost until it is proven gone", () => {
    expect([...LIVE_STATUSES, "stopped"].sort()).toEqual([...STATUSES].sort());
  });
});
