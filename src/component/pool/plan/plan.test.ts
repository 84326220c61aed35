/** The planner's decisions, one situation at a time. Properties of all of them are in `plan.property.test.ts`. */
import { describe, expect, it } from "vitest";
import type { WorkerStatus } from "../../../shared/views.js";
import { isFull, nextDeadline, plan } from "./plan.js";
import { inputWith, laneOf, machineOf, NOW, policyWith, workerWith } from "./plan.test-kit.js";
import { ORPHAN_GRACE_MS } from "./orphans.js";
import { SILENCE_GRACE_MS, SPAWN_GRACE_MS, VANISHED_MS } from "./repair.js";
import type { PlanInput, PlannedWorker } from "./situation.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const kinds = (input: Partial<PlanInput>) => plan(inputWith(input)).map(({ kind }) => kind);
const bound = (workerId: string, index: number, change: Partial<PlannedWorker> = {}) =>
  workerWith({ workerId, scope: { kind: "conversation", key: `c${index}` }, ...change });
const starting = (change: Partial<PlannedWorker> = {}) =>
  workerWith({ workerId: "w", status: "starting", heartbeatExpiresAt: null, createdAt: NOW, ...change });

describe("demand", () => {
  it("one machine per conversation, whatever number of messages it has", () => {
    expect(kinds({ waiting: [laneOf(1)] })).toEqual(["spawn"]);
    expect(kinds({ waiting: [laneOf(1), laneOf(2), laneOf(3)] })).toEqual(["spawn", "spawn", "spawn"]);
  });

  it("one machine per user, agent or pool when they may share it, by how many conversations it takes", () => {
    const waiting = [0, 1, 2, 3, 4, 5].map(laneOf);
    const spawned = (isolation: "user" | "agent" | "shared", conversationsPerWorker: number) =>
      kinds({ waiting, policy: policyWith({ maxWorkers: 20, spawnStep: 20, isolation, conversationsPerWorker }) })
        .length;
    expect(spawned("user", 2)).toBe(3);
    expect(spawned("user", 1)).toBe(6);
    expect(spawned("agent", 3)).toBe(2);
    expect(spawned("shared", 4)).toBe(2);
    expect(spawned("shared", 6)).toBe(1);
  });

  it("counts machines that are about to be up, and those that serve the conversation already", () => {
    expect(kinds({ workers: [starting()], waiting: [laneOf(1)] })).toEqual([]);
    expect(kinds({ workers: [bound("w", 1)], waiting: [laneOf(1)] })).toEqual([]);
    expect(kinds({ workers: [bound("w", 1, { load: 1 })], waiting: [laneOf(1)] })).toEqual(["spawn"]);
  });

  it("never gives a conversation to a machine of another", () => {
    expect(kinds({ workers: [bound("w", 1)], waiting: [laneOf(2)] })).toEqual(["spawn"]);
    const policy = policyWith({ isolation: "user", conversationsPerWorker: 4 });
    const ofUser = workerWith({ workerId: "w", scope: { kind: "user", key: "u1" }, isolation: "user", capacity: 4 });
    expect(kinds({ policy, workers: [ofUser], waiting: [laneOf(1), laneOf(4)] })).toEqual([]);
    expect(kinds({ policy, workers: [ofUser], waiting: [laneOf(2)] })).toEqual(["spawn"]);
  });

  it("asks for no more than one step, and none beyond the limit", () => {
    const waiting = [0, 1, 2, 3, 4, 5].map(laneOf);
    expect(kinds({ waiting, policy: policyWith({ maxWorkers: 4, spawnStep: 3 }) })).toHaveLength(3);
    expect(kinds({ waiting, policy: policyWith({ maxWorkers: 4, spawnStep: 9 }) })).toHaveLength(4);
    expect(kinds({ waiting, spawnLimit: 1 })).toHaveLength(1);
    expect(kinds({ waiting, policy: policyWith({ maxWorkers: 0 }) })).toEqual([]);
    expect(isFull(inputWith({ waiting, policy: policyWith({ maxWorkers: 0 }) }))).toBe(true);
  });

  it.each<WorkerStatus>(["draining", "stopping"])("counts a machine that is %s as one that exists", (status) => {
    const policy = policyWith({ maxWorkers: 1 });
    const worker = bound("w", 5, { status, statusSince: NOW, destroyAt: NOW + MINUTE });
    expect(kinds({ policy, workers: [worker], waiting: [laneOf(1)] })).toEqual([]);
  });
});

describe("reserves", () => {
  it("are made, and made up for what messages take", () => {
    expect(kinds({ policy: policyWith({ minWorkers: 2 }) })).toEqual(["spawn", "spawn"]);
    expect(kinds({ policy: policyWith({ warmWorkers: 1 }), waiting: [laneOf(1)] })).toEqual(["spawn", "spawn"]);
    expect(kinds({ policy: policyWith({ warmWorkers: 1 }), waiting: [laneOf(1)], workers: [starting()] })).toEqual([
      "spawn",
    ]);
    expect(kinds({ policy: policyWith({ minWorkers: 1 }), waiting: [laneOf(1)] })).toEqual(["spawn"]);
  });

  it("wake no more sleepers than are missing, and none that messages bring up anyway", () => {
    const sleeper = (index: number) => bound(`s${index}`, index, { status: "suspended", heartbeatExpiresAt: NOW - 1 });
    const workers = [sleeper(1), sleeper(2), sleeper(3)];
    const machines = workers.map((worker) => machineOf(worker, { state: "suspended" }));
    const policy = policyWith({ minWorkers: 2, maxWorkers: 9 });
    expect(kinds({ policy, workers, machines })).toEqual(["resume", "resume"]);
    expect(kinds({ policy, workers, machines, waiting: [laneOf(7), laneOf(8)] })).toEqual(["spawn", "spawn"]);
    expect(kinds({ policy, workers, machines, waiting: [laneOf(1), laneOf(8)] })).toEqual(["resume", "spawn"]);
    expect(kinds({ policy, workers, machines, waiting: [laneOf(1)] })).toEqual(["resume", "resume"]);
  });

  it("are not what goes when somebody else is idle for too long", () => {
    const longAgo = { lastActiveAt: NOW - 20 * MINUTE, statusSince: NOW - 20 * MINUTE };
    const spare = workerWith({ workerId: "spare", ...longAgo });
    const idle = bound("idle", 1, { lastActiveAt: NOW - 10 * MINUTE, statusSince: NOW - 10 * MINUTE });
    const actions = plan(inputWith({ policy: policyWith({ warmWorkers: 1 }), workers: [spare, idle] }));
    expect(actions).toMatchObject([{ kind: "drain", workerId: "idle" }]);
  });
});

describe("idle workers", () => {
  it("go after the time-out, not before, and are told why", () => {
    const policy = policyWith({ idleTimeoutMs: 30 * MINUTE });
    const idleFor = (ms: number) => bound("w", 1, { lastActiveAt: NOW - ms, statusSince: NOW - ms });
    expect(kinds({ policy, workers: [idleFor(30 * MINUTE - 1)] })).toEqual([]);
    expect(plan(inputWith({ policy, workers: [idleFor(30 * MINUTE)] }))).toEqual([
      { kind: "drain", workerId: "w", reason: "It was idle for 1800 s." },
    ]);
  });

  it("make way in a full pool, the one that is idle the longest first, as many as are needed", () => {
    const policy = policyWith({ maxWorkers: 3 });
    const workers = [3, 1, 2].map((ago) => bound(`w${ago}`, ago, { lastActiveAt: NOW - ago * SECOND }));
    const actions = plan(inputWith({ policy, workers, waiting: [laneOf(7), laneOf(8)] }));
    expect(actions).toMatchObject([
      { kind: "drain", workerId: "w3" },
      { kind: "drain", workerId: "w2" },
    ]);
    const oneLeaving = workers.map((worker) =>
      worker.workerId === "w3" ? { ...worker, status: "draining" as const, statusSince: NOW } : worker,
    );
    expect(plan(inputWith({ policy, workers: oneLeaving, waiting: [laneOf(7)] }))).toEqual([]);
  });

  it("do not make way while a message is for them, unless the pool must shrink", () => {
    const workers = [bound("w1", 1), bound("w2", 2)];
    const waiting = [laneOf(1), laneOf(2), laneOf(3)];
    expect(kinds({ policy: policyWith({ maxWorkers: 2 }), workers, waiting })).toEqual([]);
    expect(kinds({ policy: policyWith({ maxWorkers: 1 }), workers, waiting })).toEqual(["drain"]);
    const idle = [...workers, bound("w5", 5)];
    expect(plan(inputWith({ policy: policyWith({ maxWorkers: 2 }), workers: idle, waiting }))).toMatchObject([
      { kind: "drain", workerId: "w5" },
    ]);
  });
});

describe("a worker that is starting", () => {
  const only = (worker: PlannedWorker, state?: "running" | "halted" | "leaving" | "gone" | "unknown") =>
    plan(inputWith({ workers: [worker], machines: state === undefined ? [] : [machineOf(worker, { state })] }));

  it("is given up when its machine never appears, ends, or does not enroll in time", () => {
    const unseen = (ageMs: number) => starting({ machineId: null, createdAt: NOW - ageMs });
    expect(only(unseen(SPAWN_GRACE_MS - 1))).toEqual([]);
    expect(only(unseen(SPAWN_GRACE_MS))).toMatchObject([{ kind: "fence", machineId: null }]);
    const outOfSight = { workers: [unseen(SPAWN_GRACE_MS)], machines: [], unlistedHomes: [starting().home] };
    expect(kinds(outOfSight)).toEqual([]);
    expect(only(starting(), "halted")).toMatchObject([{ kind: "fence", machineId: "machine-w" }]);
    expect(only(starting({ createdAt: NOW - 3 * MINUTE }), "running")).toMatchObject([{ kind: "fence" }]);
  });

  it("is not given up for a state nobody has heard of, nor for missing from a list once it was seen", () => {
    expect(only(starting(), "unknown")).toEqual([]);
    expect(only(starting({ createdAt: NOW - 2 * MINUTE }))).toEqual([]);
  });

  it("learns of the machine that an unanswered create has made", () => {
    expect(only(starting({ machineId: null }), "running")).toMatchObject([
      { kind: "adopt", machineId: "machine-w", region: "fra" },
    ]);
  });
});

describe("a worker that works", () => {
  it("is fenced when it is silent for longer than its lease and a grace", () => {
    const silentFor = (ms: number) => bound("w", 1, { load: 1, heartbeatExpiresAt: NOW - ms });
    expect(kinds({ workers: [silentFor(SILENCE_GRACE_MS - 1)] })).toEqual([]);
    expect(kinds({ workers: [silentFor(SILENCE_GRACE_MS)] })).toEqual(["fence"]);
  });

  it("is fenced early only when its machine is down and a heartbeat is missing as well", () => {
    const worker = (left: number) => bound("w", 1, { load: 1, heartbeatExpiresAt: NOW + left });
    const down = (left: number) => [machineOf(worker(left), { state: "halted" })];
    expect(kinds({ workers: [worker(40_000)], machines: down(40_000) })).toEqual([]);
    expect(kinds({ workers: [worker(20_000)], machines: down(20_000) })).toEqual(["fence"]);
  });

  it("is fenced when it drains for too long", () => {
    const draining = (ms: number) => bound("w", 1, { status: "draining", load: 1, statusSince: NOW - ms });
    expect(kinds({ workers: [draining(2 * MINUTE - 1)] })).toEqual([]);
    expect(kinds({ workers: [draining(2 * MINUTE)] })).toEqual(["fence"]);
  });
});

describe("a worker that has stopped working", () => {
  const stopping = (change: Partial<PlannedWorker> = {}) =>
    bound("w", 1, { status: "stopping", statusSince: NOW, ...change });

  it("has its machine destroyed, again only after a while, and is not taken for gone because a list lacks it", () => {
    expect(kinds({ workers: [stopping()] })).toEqual(["destroy"]);
    expect(kinds({ workers: [stopping({ destroyAt: NOW + 1 })] })).toEqual([]);
    expect(kinds({ workers: [stopping({ statusSince: NOW - 60 * MINUTE })], machines: [] })).toEqual(["destroy"]);
  });

  it("is forgotten when no machine of it ever appeared, if one could have been seen", () => {
    const unseen = stopping({ machineId: null, statusSince: NOW - VANISHED_MS });
    expect(kinds({ workers: [unseen], machines: [] })).toEqual(["forget"]);
    expect(kinds({ workers: [unseen], machines: [], unlistedHomes: [unseen.home] })).toEqual([]);
    expect(kinds({ workers: [stopping({ machineId: null })], machines: [] })).toEqual([]);
    expect(kinds({ workers: [unseen] })).toEqual(["destroy"]);
  });
});

describe("machines nobody knows", () => {
  const orphan = (ageMs: number) => machineOf(workerWith({ workerId: "lost", createdAt: NOW - ageMs }));

  it("go once they are older than any create whose row has not learned of it", () => {
    expect(kinds({ machines: [orphan(ORPHAN_GRACE_MS - 1)] })).toEqual([]);
    expect(kinds({ machines: [orphan(ORPHAN_GRACE_MS)] })).toEqual(["destroy_orphan"]);
    expect(kinds({ machines: [{ ...orphan(0), createdAt: 0 }] })).toEqual([]);
    expect(kinds({ machines: [{ ...orphan(MINUTE * 9), state: "leaving" }] })).toEqual([]);
  });

  it("are what the next look is for", () => {
    const input = inputWith({ machines: [orphan(MINUTE)] });
    expect(nextDeadline(input)).toBe(NOW - MINUTE + ORPHAN_GRACE_MS);
    expect(nextDeadline(inputWith())).toBeNull();
  });
});

describe("the next look", () => {
  const next = (worker: PlannedWorker, change: Partial<PlanInput["policy"]> = {}) =>
    (nextDeadline(inputWith({ workers: [worker], policy: policyWith(change) })) ?? 0) - NOW;

  it("comes when a turn that runs could have ended and its worker rested for long enough, not every second", () => {
    const working = bound("w", 1, { load: 1, lastActiveAt: NOW, statusSince: NOW, canSuspend: true });
    expect(next(working)).toBe(20 * SECOND);
    expect(next(working, { suspendAfterMs: SECOND })).toBe(10 * SECOND);
    expect(next({ ...working, load: 0, lastActiveAt: NOW - 5 * SECOND, statusSince: 0 })).toBe(15 * SECOND);
  });

  it("comes soon while a machine boots, for nobody says when it is up and could sleep", () => {
    expect(next(starting())).toBe(10 * SECOND);
  });

  it("comes seldom while everybody sleeps, and in time for whoever is to go", () => {
    const asleep = bound("w", 1, { status: "suspended", heartbeatExpiresAt: NOW - 1, statusSince: NOW });
    expect(next(asleep)).toBe(10 * MINUTE);
    expect(next({ ...asleep, statusSince: NOW - 19 * MINUTE })).toBe(MINUTE);
  });
});
