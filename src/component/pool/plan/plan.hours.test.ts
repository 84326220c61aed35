/** What must hold of plans over hours: a pool comes to rest, stays there, and serves whoever comes without wearing itself out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { history, settle } from "./plan-model.test-kit.js";
import { arbitraryInput, laneOf } from "./plan.test-kit.js";
import type { PlanInput } from "./situation.js";
import { spares } from "./spare.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** More of them: `PLAN_RUNS=20000 npx vitest run src/component/pool/plan/plan.hours.test.ts`. */
const RUNS = { numRuns: Number(process.env["PLAN_RUNS"] ?? 1_000) * 0.1 };

/** A world that a healthy provider and healthy workers have brought to rest. */
const arbitraryRest: fc.Arbitrary<PlanInput> = arbitraryInput
  .map((start) =>
    settle({ ...start, policy: { ...start.policy, maxWorkers: Math.max(1, start.policy.maxWorkers) } }, 120),
  )
  .filter((rest) => rest !== null)
  .map(({ input }) => input);

const NOBODY = { uncovered: 0, wanted: new Set<string>(), given: new Map<string, string[]>() };

describe("a pool that nobody needs", () => {
  it("lets go of what is left once, and does nothing at all from then on", () => {
    fc.assert(
      fc.property(arbitraryRest, (rest) => {
        const done = new Map<string, string[]>();
        let spawned = 0;
        for (const { input, actions } of history(rest, 3 * HOUR)) {
          if (input.now >= rest.now + HOUR) expect(actions).toEqual([]);
          for (const action of actions) {
            if (action.kind === "spawn") spawned += 1;
            if (!("workerId" in action)) continue;
            const kinds = [...(done.get(action.workerId) ?? []), action.kind];
            done.set(action.workerId, kinds);
            // To bed, and away: nobody is woken, fenced, or told a second time.
            expect([
              "suspend",
              "drain",
              "destroy",
              "suspend drain",
              "suspend drain destroy",
              "drain destroy",
            ]).toContain(kinds.join(" "));
          }
        }
        // Places that are let go of may be what the reserve was waiting for.
        expect(spawned).toBeLessThanOrEqual(rest.policy.warmWorkers);
      }),
      RUNS,
    );
  });

  it("keeps its minimum up and its reserve asleep, and nobody else", () => {
    fc.assert(
      fc.property(arbitraryRest, (rest) => {
        let last: PlanInput = rest;
        for (const { input } of history(rest, 2 * HOUR)) last = input;
        const { workers, policy } = last;
        const up = workers.filter(({ status }) => status === "active");
        const canSleep = workers.every(({ canSuspend }) => canSuspend) && policy.suspendAfterMs <= policy.idleTimeoutMs;
        expect(up.length).toBeGreaterThanOrEqual(policy.minWorkers);
        if (canSleep) expect(up.length).toBe(policy.minWorkers);
        const reserve = spares(workers, NOBODY, last).length;
        const isFull = workers.length === policy.maxWorkers;
        expect(reserve >= policy.warmWorkers || isFull).toBe(true);
        expect(workers.length).toBeLessThanOrEqual(policy.minWorkers + Math.max(policy.warmWorkers, reserve));
      }),
      RUNS,
    );
  });
});

describe("a pool that is needed now and then", () => {
  const arbitraryArrivals = fc.array(fc.record({ afterMs: fc.nat(HOUR), lane: fc.nat(9).map(laneOf) }), {
    maxLength: 25,
  });

  it("serves everybody within minutes, takes nobody's turn away, and stays within its limit", () => {
    fc.assert(
      fc.property(arbitraryRest, arbitraryArrivals, (rest, arrivals) => {
        const waitsSince = new Map<string, number>();
        for (const { input, actions } of history(rest, 2 * HOUR, arrivals)) {
          expect(input.workers.length).toBeLessThanOrEqual(rest.policy.maxWorkers);
          for (const action of actions) {
            if (action.kind === "spawn" || action.kind === "destroy_orphan") continue;
            expect(input.workers.find(({ workerId }) => workerId === action.workerId)?.load).toBe(0);
          }
          const waiting = new Set(input.waiting.map(({ conversationId }) => conversationId));
          for (const conversationId of waitsSince.keys()) {
            if (!waiting.has(conversationId)) waitsSince.delete(conversationId);
          }
          for (const conversationId of waiting) {
            waitsSince.set(conversationId, waitsSince.get(conversationId) ?? input.now);
            expect(input.now - (waitsSince.get(conversationId) ?? 0)).toBeLessThanOrEqual(10 * MINUTE);
          }
          if (input.now > rest.now + HOUR + 40 * MINUTE) expect(actions).toEqual([]);
        }
      }),
      RUNS,
    );
  });

  it("wakes nobody and makes no machine beyond what they need, and what it makes up for that", () => {
    fc.assert(
      fc.property(arbitraryRest, arbitraryArrivals, (rest, arrivals) => {
        const count = { spawn: 0, resume: 0, drain: 0 };
        for (const { actions } of history(rest, 2 * HOUR, arrivals)) {
          for (const { kind } of actions) if (kind in count) count[kind as keyof typeof count] += 1;
        }
        const { minWorkers, warmWorkers } = rest.policy;
        expect(count.spawn).toBeLessThanOrEqual(2 * arrivals.length + minWorkers + warmWorkers);
        expect(count.resume).toBeLessThanOrEqual(2 * arrivals.length + minWorkers);
      }),
      RUNS,
    );
  });
});
