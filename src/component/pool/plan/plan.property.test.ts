/** What must hold for every plan, in any mix of workers, machines, messages and policies. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scopeOf } from "../../../shared/scope.js";
import { nextDeadline, plan } from "./plan.js";
import { settle, withIntents } from "./plan-model.test-kit.js";
import { arbitraryInput, NOW } from "./plan.test-kit.js";
import { ORPHAN_GRACE_MS } from "./orphans.js";
import { OUTDATED } from "./repair.js";
import type { PlanAction, PlanInput } from "./situation.js";

/** More of them: `PLAN_RUNS=20000 npx vitest run src/component/pool/plan/plan.property.test.ts`. */
const RUNS = { numRuns: Number(process.env["PLAN_RUNS"] ?? 1_000) };

const about = (actions: PlanAction[], ...kinds: PlanAction["kind"][]) =>
  actions.filter(({ kind }) => kinds.includes(kind));
const workerIds = (actions: PlanAction[]) => actions.flatMap((action) => ("workerId" in action ? action.workerId : []));
const ids = () => {
  let counter = 0;
  return () => `fresh${++counter}`;
};

describe("every plan", () => {
  it("is done once it is written down: nothing is wanted a second time", () => {
    fc.assert(
      fc.property(arbitraryInput, (seen) => {
        const input = { ...seen, spawnLimit: 100 };
        const again = plan(withIntents(input, plan(input), ids()));
        expect(again).toEqual([]);
      }),
      RUNS,
    );
  });

  it("never lets the pool grow beyond its limit, and asks for no more than it may at once", () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const actions = plan(input);
        const spawned = about(actions, "spawn").length;
        const after = withIntents(input, actions, ids()).workers.length;
        expect(after).toBeLessThanOrEqual(Math.max(input.policy.maxWorkers, input.workers.length));
        expect(spawned).toBeLessThanOrEqual(input.spawnLimit);
      }),
      RUNS,
    );
  });

  it("leaves a working worker alone, unless it is silent or has outlived a deadline", () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const actions = plan(input);
        for (const worker of input.workers.filter(({ load }) => load > 0)) {
          expect(workerIds(about(actions, "drain", "destroy", "forget"))).not.toContain(worker.workerId);
          if (!workerIds(about(actions, "fence")).includes(worker.workerId)) continue;
          const { heartbeatExpiresAt, leaseDurationMs, status, statusSince } = worker;
          const beatAge = NOW - ((heartbeatExpiresAt ?? NOW) - leaseDurationMs);
          const isOverdue = status === "draining" && NOW - statusSince >= input.policy.drainDeadlineMs;
          expect(beatAge >= leaseDurationMs / 2 || isOverdue).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it("wants one thing of a worker at most, and says why", () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const actions = plan(input);
        // Learning of a machine is nothing that is wanted of a worker.
        const wanted = workerIds(actions.filter(({ kind }) => kind !== "adopt"));
        expect(new Set(wanted).size).toBe(wanted.length);
        for (const { reason } of actions) expect(reason).toMatch(/^[A-Z].*\.$/);
      }),
      RUNS,
    );
  });

  it("destroys only what is a stopping worker's, or nobody's for longer than the grace", () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const names = new Set(input.workers.map(({ machineName }) => machineName));
        for (const action of plan(input)) {
          if (action.kind === "destroy") {
            expect(input.workers.find(({ workerId }) => workerId === action.workerId)?.status).toBe("stopping");
          }
          if (action.kind !== "destroy_orphan") continue;
          const machine = input.machines.find(({ machineId }) => machineId === action.machineId);
          expect(machine).toBeDefined();
          expect(names).not.toContain(machine?.name);
          expect(NOW - (machine?.createdAt ?? NOW)).toBeGreaterThanOrEqual(ORPHAN_GRACE_MS);
        }
      }),
      RUNS,
    );
  });

  it("concludes nothing about machines of a home that could not be listed", () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const unlisted = input.workers.filter(({ home }) => input.unlistedHomes.includes(home));
        const forgotten = workerIds(about(plan(input), "forget"));
        for (const { workerId } of unlisted) expect(forgotten).not.toContain(workerId);
      }),
      RUNS,
    );
  });

  it("replaces one outdated worker at a time, and only an idle one", () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const old = new Map(
          input.workers
            .filter(({ isOutdated, status }) => isOutdated === true && status === "active")
            .map((worker) => [worker.workerId, worker]),
        );
        const actions = plan(input);
        const replaced = about(actions, "drain").filter(
          (action) => action.reason === OUTDATED && old.has("workerId" in action ? action.workerId : ""),
        );
        expect(replaced.length).toBeLessThanOrEqual(1);
        const isUnderWay = input.workers.some(
          ({ isOutdated, status, workerId }) =>
            isOutdated === true &&
            (status === "draining" || status === "stopping") &&
            !workerIds(about(actions, "forget")).includes(workerId),
        );
        if (isUnderWay) expect(replaced).toEqual([]);
        for (const workerId of workerIds(replaced)) expect(old.get(workerId)?.load).toBe(0);
      }),
      RUNS,
    );
  });

  it("spawns for a conversation only when no worker may take it", () => {
    fc.assert(
      fc.property(arbitraryInput, (seen) => {
        const input = { ...seen, policy: { ...seen.policy, minWorkers: 0, warmWorkers: 0 } };
        const groups = new Set(input.waiting.map((lane) => JSON.stringify(scopeOf(input.policy.isolation, lane))));
        const capacity = input.policy.isolation === "conversation" ? 1 : input.policy.conversationsPerWorker;
        const most =
          input.policy.isolation === "conversation"
            ? groups.size
            : Math.ceil(input.waiting.length / capacity) + groups.size;
        expect(about(plan(input), "spawn").length).toBeLessThanOrEqual(most);
        if (input.waiting.length === 0) expect(about(plan(input), "spawn")).toEqual([]);
      }),
      RUNS,
    );
  });

  it("drains beyond neither the minimum nor the reserve, unless places are needed", () => {
    fc.assert(
      fc.property(arbitraryInput, (seen) => {
        // A full pool replaces an outdated worker by going one below.
        const workers = seen.workers.map((worker) => ({ ...worker, isOutdated: false }));
        const input = { ...seen, waiting: [], workers };
        const { policy } = input;
        if (workers.length > policy.maxWorkers) return;
        const actions = plan(input);
        const gone = new Set(workerIds(about(actions, "drain", "fence", "suspend")));
        const isUp = ({ status, heartbeatExpiresAt, wakeRequestedAt }: PlanInput["workers"][number]) =>
          status === "starting" ||
          (status === "suspended" && wakeRequestedAt !== null) ||
          (status === "active" && NOW < (heartbeatExpiresAt ?? Infinity));
        const before = workers
          .filter(isUp)
          .filter(({ workerId }) => !workerIds(about(actions, "fence")).includes(workerId));
        const after = before.filter(({ workerId }) => !gone.has(workerId));
        // One that is asked for in the same breath replaces one that goes.
        const asleep = new Set(workers.filter((worker) => !isUp(worker)).map(({ workerId }) => workerId));
        const woken = workerIds(about(actions, "resume")).filter((workerId) => asleep.has(workerId)).length;
        const spawned = about(actions, "spawn").length + woken;
        expect(after.length + spawned).toBeGreaterThanOrEqual(Math.min(before.length, policy.minWorkers));
        const isSpare = ({ scope, load, isolation }: PlanInput["workers"][number]) =>
          scope === null && load === 0 && isolation === policy.isolation;
        expect(after.filter(isSpare).length).toBeGreaterThanOrEqual(
          Math.min(before.filter(isSpare).length, policy.warmWorkers),
        );
      }),
      RUNS,
    );
  });
});

describe("plans, one after the other", () => {
  it("bring any mix to rest within a few minutes: everybody served, nothing left over, the minimum kept", () => {
    fc.assert(
      fc.property(arbitraryInput, (start) => {
        const input = {
          ...start,
          policy: { ...start.policy, maxWorkers: Math.max(1, start.policy.maxWorkers) },
        };
        const rest = settle(input, 120);
        expect(rest).not.toBeNull();
        if (rest === null) return;
        const { workers, machines, policy } = rest.input;
        expect(workers.length).toBeLessThanOrEqual(policy.maxWorkers);
        const up = workers.filter(({ status }) => status === "active");
        expect(up.length + workers.filter(({ status }) => status === "suspended").length).toBe(workers.length);
        expect(up.length).toBeGreaterThanOrEqual(policy.minWorkers);
        expect(workers.some(({ isOutdated }) => isOutdated)).toBe(false);
        const names = new Set(workers.map(({ machineName }) => machineName));
        const left = machines.filter(
          ({ name, state }) => !names.has(name) && state !== "gone" && state !== "leaving" && state !== "unknown",
        );
        expect(left.filter(({ createdAt }) => rest.input.now - createdAt >= ORPHAN_GRACE_MS)).toEqual([]);
      }),
      { numRuns: RUNS.numRuns * 0.4 },
    );
  });

  it("miss nothing between now and the deadline they name, and never name one that has passed", () => {
    const moments = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(arbitraryInput, moments, (seen, share) => {
        const start = { ...seen, spawnLimit: 100 };
        const input = withIntents(start, plan(start), ids());
        const deadline = nextDeadline(input);
        if (deadline === null) {
          expect(input.workers).toEqual([]);
          expect(plan({ ...input, now: NOW + 60 * 60_000 })).toEqual([]);
          return;
        }
        expect(deadline).toBeGreaterThan(NOW);
        expect(deadline).toBeLessThanOrEqual(NOW + input.policy.reconcileIntervalMs + ORPHAN_GRACE_MS);
        expect(plan({ ...input, now: Math.floor(NOW + (deadline - 1 - NOW) * share) })).toEqual([]);
      }),
      RUNS,
    );
  });

  it("do not wake up again and again for what they cannot change", () => {
    fc.assert(
      fc.property(arbitraryInput, (seen) => {
        const hour = 60 * 60_000;
        let input = { ...seen, spawnLimit: 100 };
        let wakeUps = 0;
        for (let at: number | null = NOW; at !== null && at < NOW + hour; at = nextDeadline(input)) {
          wakeUps += 1;
          input = { ...input, now: at };
          // A provider that answers and never does anything.
          input = withIntents(input, plan(input), ids());
          const patient = input.workers.map((worker) =>
            worker.destroyAt > at ? { ...worker, destroyAt: Math.max(worker.destroyAt, NOW + (at - NOW) * 2) } : worker,
          );
          input = { ...input, workers: patient };
        }
        expect(wakeUps).toBeLessThanOrEqual(hour / 10_000 + 10 + 10 * seen.workers.length);
      }),
      { numRuns: 200 },
    );
  });
});
