/** What the plan replaces, and what it clears away, one situation at a time; the whole way of a rollout is in `rollout.test.ts`. */
import { describe, expect, it } from "vitest";
import { plan } from "./plan.js";
import { inputWith, laneOf, machineOf, NOW, policyWith, workerWith } from "./plan.test-kit.js";
import { MAX_ORPHANS_PER_RUN, OUTDATED } from "./repair.js";
import type { PlanInput, PlannedWorker } from "./situation.js";

const MINUTE = 60_000;
const kinds = (input: Partial<PlanInput>) => plan(inputWith(input)).map(({ kind }) => kind);
const bound = (index: number, change: Partial<PlannedWorker> = {}) =>
  workerWith({ workerId: `w${index}`, scope: { kind: "conversation", key: `c${index}` }, ...change });
const old = (index: number, change: Partial<PlannedWorker> = {}) => bound(index, { isOutdated: true, ...change });
const going = (worker: PlannedWorker): PlannedWorker => ({ ...worker, status: "draining", statusSince: NOW });

describe("outdated workers", () => {
  it("go one at a time, and only when nobody waits for them", () => {
    expect(plan(inputWith({ workers: [old(1), old(2)] }))).toMatchObject([{ kind: "drain", reason: OUTDATED }]);
    expect(kinds({ workers: [going(old(1)), old(2)] })).toEqual([]);
    expect(kinds({ workers: [old(1)], waiting: [laneOf(1)] })).toEqual([]);
    expect(kinds({ workers: [old(1, { load: 1 })] })).toEqual([]);
  });

  it("that are the minimum go when their successor is up, which is asked for once", () => {
    const policy = policyWith({ minWorkers: 1 });
    expect(kinds({ policy, workers: [old(1)] })).toEqual(["spawn"]);
    const successor = workerWith({ workerId: "new", status: "starting", heartbeatExpiresAt: null, createdAt: NOW });
    expect(kinds({ policy, workers: [old(1), successor] })).toEqual([]);
    const isUp = workerWith({ workerId: "new" });
    expect(plan(inputWith({ policy, workers: [old(1), isUp] }))).toMatchObject([{ kind: "drain", workerId: "w1" }]);
    // While one goes, the next is not yet counted out.
    expect(kinds({ policy, workers: [going(old(1)), old(2), isUp] })).toEqual([]);
    expect(kinds({ policy, workers: [going(old(1)), old(2)] })).toEqual([]);
  });

  it("are no reason to put the only current one to sleep: it would be missed at once", () => {
    const policy = policyWith({ minWorkers: 1 });
    const idle = bound(2, { canSuspend: true, statusSince: NOW - MINUTE, lastActiveAt: NOW - MINUTE });
    const boots = old(1, { status: "starting", scope: null, heartbeatExpiresAt: null, createdAt: NOW });
    expect(kinds({ policy, workers: [boots, idle] })).toEqual([]);
  });

  it("that were spares are made up for in the same breath", () => {
    const policy = policyWith({ warmWorkers: 1 });
    const spare = workerWith({ workerId: "w", isOutdated: true });
    expect(kinds({ policy, workers: [spare] })).toEqual(["spawn", "drain"]);
    expect(kinds({ policy, workers: [going(spare)] })).toEqual(["spawn"]);
  });
});

describe("a worker whose machine is learned of late", () => {
  it("may be put to sleep at once", () => {
    const worker = bound(1, { canSuspend: true, machineId: null, lastActiveAt: NOW - MINUTE });
    expect(plan(inputWith({ workers: [worker], machines: [machineOf(worker)] }))).toMatchObject([
      { kind: "adopt", machineId: "machine-w1" },
      { kind: "suspend", machineId: "machine-w1" },
    ]);
  });
});

describe("many machines that nobody knows", () => {
  it("go a few at a time, the oldest first", () => {
    const lost = Array.from({ length: MAX_ORPHANS_PER_RUN + 3 }, (_, index) =>
      machineOf(workerWith({ workerId: `lost${index}`, createdAt: NOW - (10 + index) * MINUTE })),
    );
    const actions = plan(inputWith({ machines: lost }));
    const oldest = lost.slice(3).reverse();
    expect(actions.map((action) => ("machineId" in action ? action.machineId : null))).toEqual(
      oldest.map(({ machineId }) => machineId),
    );
  });
});
