/** What the plan does about the reserve: who counts as a spare, who wakes it, what ends it. */
import { describe, expect, it } from "vitest";
import { scopeOf } from "../../../shared/scope.js";
import { plan } from "./plan.js";
import { inputWith, laneOf, machineOf, NOW, policyWith, workerWith } from "./plan.test-kit.js";
import { OUTDATED } from "./repair.js";
import type { PlanAction, PlanInput, PlannedWorker } from "./situation.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const policy = policyWith({ warmWorkers: 1, suspendAfterMs: MINUTE, retireAfterMs: HOUR, idleTimeoutMs: HOUR });

const spare = (workerId: string, change: Partial<PlannedWorker> = {}) =>
  workerWith({ workerId, canSuspend: true, ...change });
const asleep = (workerId: string, change: Partial<PlannedWorker> = {}) =>
  spare(workerId, { status: "suspended", heartbeatExpiresAt: NOW - 1, ...change });
const boundTo = (index: number) => ({ scope: { kind: "conversation" as const, key: `c${index}` } });
const machines = (workers: PlannedWorker[]) =>
  workers
    .filter(({ machineId }) => machineId !== null)
    .map((worker) => machineOf(worker, { state: worker.status === "suspended" ? "suspended" : "running" }));
const planned = (workers: PlannedWorker[], change: Partial<PlanInput> = {}) =>
  plan(inputWith({ policy, workers, machines: machines(workers), ...change }));
const kinds = (actions: PlanAction[]) => actions.map(({ kind }) => kind);

describe("spares", () => {
  it("sleep as soon as they are up, for nobody is about to come back to them", () => {
    expect(planned([spare("w", { statusSince: NOW, lastActiveAt: NOW })])).toMatchObject([
      { kind: "suspend", workerId: "w" },
    ]);
  });

  it("that sleep are the reserve, are not woken for it, and stay however long nobody needs them", () => {
    expect(planned([asleep("w", { statusSince: NOW - 100 * HOUR })])).toEqual([]);
  });

  it("go after a while when there are more of them than the policy wants", () => {
    const workers = [asleep("a", { statusSince: NOW - 2 * HOUR }), asleep("b", { statusSince: NOW - 2 * HOUR })];
    expect(planned(workers)).toMatchObject([{ kind: "drain", workerId: "a" }]);
    const early = workers.map((worker) => ({ ...worker, statusSince: NOW - HOUR + 1 }));
    expect(planned(early)).toEqual([]);
  });

  it("are woken for a conversation that has no worker, before one that still boots, and replaced", () => {
    expect(planned([asleep("w")], { waiting: [laneOf(1)] })).toMatchObject([
      { kind: "resume", workerId: "w", conversationIds: [] },
      { kind: "spawn" },
    ]);
    const boots = workerWith({ workerId: "new", status: "starting", heartbeatExpiresAt: null, createdAt: NOW });
    expect(planned([boots, asleep("w")], { waiting: [laneOf(1)] })).toMatchObject([{ kind: "resume", workerId: "w" }]);
  });

  it("serve whoever comes when the pool is full of them, and nothing more is asked for", () => {
    const full = policyWith({ warmWorkers: 2, maxWorkers: 2 });
    const workers = [asleep("a"), asleep("b")];
    expect(planned(workers, { policy: full, waiting: [laneOf(1)] })).toMatchObject([{ kind: "resume" }]);
    const actions = planned(workers, { policy: full, waiting: [laneOf(1), laneOf(2), laneOf(3)] });
    expect(kinds(actions)).toEqual(["resume", "resume"]);
  });

  it("get the places of sleepers that are one conversation's own, those first that slept longest", () => {
    const full = policyWith({ warmWorkers: 1, maxWorkers: 3 });
    const own = (index: number, minutes: number) =>
      asleep(`w${index}`, { ...boundTo(index), lastActiveAt: NOW - minutes * MINUTE });
    const workers = [own(1, 3), own(2, 9), own(3, 6)];
    expect(planned(workers, { policy: full })).toMatchObject([{ kind: "drain", workerId: "w2" }]);
    // A place that becomes free by itself is one, and so is one that is free.
    const leaving = own(2, 9);
    const isGoing = { ...leaving, status: "stopping" as const, statusSince: NOW, destroyAt: NOW + MINUTE };
    expect(planned([own(1, 3), isGoing, own(3, 6)], { policy: full })).toEqual([]);
    expect(kinds(planned(workers, { policy: { ...full, maxWorkers: 4 } }))).toEqual(["spawn"]);
    // Nobody goes for what cannot be had, is waited for, or is there.
    expect(planned(workers, { policy: full, spawnLimit: 0 })).toEqual([]);
    const waiting = [laneOf(1), laneOf(2), laneOf(3)];
    expect(kinds(planned(workers, { policy: full, waiting }))).toEqual(["resume", "resume", "resume"]);
    expect(planned([own(1, 3), own(2, 9), asleep("spare")], { policy: full })).toEqual([]);
  });

  it("make way, as everybody who sleeps does, for a conversation that they may not have", () => {
    const full = policyWith({ maxWorkers: 1 });
    const sleeper = asleep("w", boundTo(1));
    expect(planned([sleeper], { policy: full, waiting: [laneOf(2)] })).toMatchObject([{ kind: "drain" }]);
    expect(planned([sleeper], { policy: full, waiting: [laneOf(1)] })).toMatchObject([{ kind: "resume" }]);
    const ofUsers = asleep("w", { isolation: "user" });
    expect(planned([ofUsers], { policy: full, waiting: [laneOf(2)] })).toMatchObject([{ kind: "drain" }]);
  });

  it("of a former image are destroyed in their sleep, never woken, and made anew", () => {
    const old = asleep("w", { isOutdated: true });
    expect(planned([old])).toMatchObject([{ kind: "drain", reason: OUTDATED }, { kind: "spawn" }]);
    const actions = planned([old], { waiting: [laneOf(1)] });
    expect(kinds(actions)).toEqual(["drain", "spawn", "spawn"]);
  });

  it("of another isolation are none", () => {
    const ofUsers = asleep("w", { isolation: "user", capacity: 4 });
    expect(kinds(planned([ofUsers]))).toEqual(["spawn"]);
    expect(kinds(planned([ofUsers], { waiting: [laneOf(1)] }))).toEqual(["spawn", "spawn"]);
    expect(kinds(planned([{ ...ofUsers, statusSince: NOW - HOUR }]))).toEqual(["drain", "spawn"]);
  });

  it("are woken for the minimum when there is nobody else, and none is made for what one that is up can be", () => {
    const both = { ...policy, minWorkers: 1 };
    expect(kinds(planned([asleep("w")], { policy: both }))).toEqual(["resume"]);
    expect(planned([spare("w", { statusSince: NOW - 2 * HOUR })], { policy: both })).toEqual([]);
    const working = spare("busy", { ...boundTo(1), load: 1 });
    expect(planned([working, asleep("w")], { policy: both })).toEqual([]);
    expect(kinds(planned([working], { policy: both }))).toEqual(["spawn"]);
  });
});

describe("spares of a pool that everybody shares", () => {
  const shared = { ...policy, isolation: "shared" as const, conversationsPerWorker: 2 };
  const pool = { scope: scopeOf("shared", laneOf(1)), isolation: "shared" as const, capacity: 2 };
  const used = (workerId: string, change: Partial<PlannedWorker> = {}) => asleep(workerId, { ...pool, ...change });

  it("are also those that have served somebody, and they stay as well", () => {
    expect(planned([used("w", { statusSince: NOW - 100 * HOUR })], { policy: shared })).toEqual([]);
    const two = [used("a", { statusSince: NOW - 2 * HOUR }), used("b", { statusSince: NOW - 2 * HOUR })];
    expect(kinds(planned(two, { policy: shared }))).toEqual(["drain"]);
  });

  it("that are in the middle of a turn are none", () => {
    const busy = { ...used("w"), status: "active" as const, heartbeatExpiresAt: NOW + MINUTE, load: 1 };
    expect(kinds(planned([busy], { policy: shared }))).toEqual(["spawn"]);
  });

  it("sleep only after their time once they have served somebody: that one may be back", () => {
    const fresh = { statusSince: NOW, lastActiveAt: NOW };
    const idle = (change: Partial<PlannedWorker>) => spare("w", { ...pool, ...change });
    expect(planned([idle(fresh)], { policy: shared })).toEqual([]);
    expect(kinds(planned([idle({ ...fresh, scope: null })], { policy: shared }))).toEqual(["suspend"]);
    expect(kinds(planned([idle({ lastActiveAt: NOW - MINUTE, statusSince: 0 })], { policy: shared }))).toEqual([
      "suspend",
    ]);
  });

  it("are used in such an order that those nobody needs are left alone long enough to go", () => {
    const ago = (minutes: number) => ({ lastActiveAt: NOW - minutes * MINUTE });
    const workers = [used("a", ago(9)), used("b", ago(2)), used("c", ago(5))];
    const waiting = [laneOf(1), laneOf(2), laneOf(3)];
    expect(planned(workers, { policy: shared, waiting: waiting.slice(0, 1) })).toMatchObject([
      { kind: "resume", workerId: "b", conversationIds: [] },
    ]);
    const woken = planned(workers, { policy: shared, waiting }).filter(({ kind }) => kind === "resume");
    expect(woken).toMatchObject([{ workerId: "b" }, { workerId: "c" }]);
  });
});

describe("a conversation whose worker is woken", () => {
  it("is kept for it, and none is that an unbound sleeper is woken for", () => {
    const actions = planned([asleep("own", boundTo(1)), asleep("spare")], { waiting: [laneOf(1), laneOf(2)] });
    expect(actions).toMatchObject([
      { kind: "resume", workerId: "own", conversationIds: ["c1"] },
      { kind: "resume", workerId: "spare", conversationIds: [] },
      { kind: "spawn" },
    ]);
  });

  it("is kept together with others of the same user, as many as the worker takes at once", () => {
    const ofUser = { scope: { kind: "user" as const, key: "u1" }, isolation: "user" as const, capacity: 2 };
    const waiting = [laneOf(1), laneOf(4), laneOf(7)];
    const users = { ...policy, warmWorkers: 0, isolation: "user" as const, conversationsPerWorker: 2 };
    expect(planned([asleep("w", ofUser)], { policy: users, waiting })).toMatchObject([
      { kind: "resume", workerId: "w", conversationIds: ["c1", "c4"] },
      { kind: "spawn" },
    ]);
  });

  it("is kept once: asking the provider again reserves nothing", () => {
    const waking = asleep("w", { ...boundTo(1), wakeRequestedAt: NOW - MINUTE, powerAttempts: 1, powerAt: NOW });
    const actions = planned([waking], { policy: { ...policy, warmWorkers: 0 }, waiting: [laneOf(1)] });
    expect(actions).toMatchObject([{ kind: "resume", workerId: "w", conversationIds: [] }]);
  });

  it("asks the provider once more only while its machine does not run", () => {
    const waking = asleep("w", { ...boundTo(1), wakeRequestedAt: NOW - MINUTE, powerAttempts: 1, powerAt: NOW });
    const seen = (state: "suspended" | "running" | "booting") =>
      planned([waking], { policy: policyWith(), machines: [machineOf(waking, { state })] });
    expect(kinds(seen("suspended"))).toEqual(["resume"]);
    expect(seen("running")).toEqual([]);
    expect(seen("booting")).toEqual([]);
  });
});

describe("an idle worker", () => {
  const idle = spare("w", { ...boundTo(1), statusSince: NOW - 2 * MINUTE, lastActiveAt: NOW - 2 * MINUTE });

  it("is drained where its time to sleep is longer than its time to go", () => {
    const goes = { ...policyWith(), suspendAfterMs: 2 * MINUTE, idleTimeoutMs: MINUTE };
    expect(kinds(planned([idle], { policy: goes }))).toEqual(["drain"]);
    expect(kinds(planned([idle], { policy: { ...goes, idleTimeoutMs: 2 * MINUTE } }))).toEqual(["suspend"]);
  });

  it("of a former image is not put to sleep, but replaced when it is its turn", () => {
    const old = { ...idle, isOutdated: true };
    const first = { ...old, workerId: "first", status: "draining" as const, statusSince: NOW, machineName: "first" };
    expect(planned([first, old], { policy: policyWith() })).toEqual([]);
    expect(planned([old], { policy: policyWith() })).toMatchObject([{ kind: "drain", reason: OUTDATED }]);
  });
});

describe("a sleeper whose machine has ended", () => {
  it.each(["halted", "leaving", "gone"] as const)("is given up when it is %s, and not when nobody knows", (state) => {
    const worker = asleep("w", boundTo(1));
    const listed = (seen: typeof state | "unknown") =>
      planned([worker], { policy: policyWith(), machines: [machineOf(worker, { state: seen })] });
    expect(listed(state)).toMatchObject([{ kind: "fence", machineId: "machine-w", state }]);
    expect(listed("unknown")).toEqual([]);
  });
});

describe("a sleeper whose machine still runs", () => {
  const running = (powerAttempts: number, powerAt = NOW) => {
    const worker = asleep("w", { ...boundTo(1), powerAttempts, powerAt });
    return planned([worker], { policy: policyWith(), machines: [machineOf(worker)] });
  };

  it("is asked to freeze again, and left up when it does not", () => {
    expect(running(1, NOW + 1)).toEqual([]);
    expect(running(1)).toMatchObject([{ kind: "suspend", machineId: "machine-w" }]);
    expect(running(2)).toMatchObject([{ kind: "suspend" }]);
    expect(running(3)).toMatchObject([{ kind: "keep_awake" }]);
  });
});

describe("a sleeper whose machine is not listed", () => {
  const unlisted = (change: Partial<PlannedWorker> = {}, input: Partial<PlanInput> = {}) =>
    planned([asleep("w", change)], { machines: [], ...input });

  it("is asked for by its id, at its time, and counts until the provider is sure", () => {
    expect(unlisted()).toMatchObject([{ kind: "look", workerId: "w", machineId: "machine-w" }]);
    expect(unlisted({ powerAt: NOW + 1 })).toEqual([]);
  });

  it("is not when its home could not be listed", () => {
    expect(unlisted({}, { unlistedHomes: [asleep("w").home] })).toEqual([]);
  });

  it("is woken at once when somebody needs it: that tells as well", () => {
    expect(kinds(unlisted({}, { waiting: [laneOf(1)] }))).toEqual(["resume", "spawn"]);
  });
});
