/** Idle workers sleep and come back: cheap while nobody writes, quick when somebody does, and never somebody else's. */
import { describe, expect, it } from "vitest";
import { enqueue, inComponent, queueStats } from "../setup.test-kit.js";
import { stateOf, type ApiFault, type ApiMachine } from "./machines-api.test-kit.js";
import { health, letTimePass, liveRows, PROVIDER, reconcile } from "./pool.test-kit.js";
import { startPool, useFakePool, workerRows, type Pool } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
// It looks often enough for what happens in seconds.
const POLICY = { suspendAfterMs: 20 * SECOND, retireAfterMs: 30 * MINUTE, reconcileIntervalMs: 5 * SECOND };

/** A pool whose one worker has answered conversation "c" and been put to sleep. */
async function startAsleep(policy: Parameters<typeof startPool>[0] = {}): Promise<Pool & { machine: ApiMachine }> {
  const pool = await startPool({ ...POLICY, ...policy });
  await enqueue(pool.t, "c");
  await pool.fleet.run(50 * SECOND);
  const [machine] = pool.api.live();
  if (machine === undefined) throw new Error("No machine was started.");
  expect(stateOf(machine)).toBe("suspended");
  expect(await liveRows(pool.t)).toMatchObject([{ status: "suspended", machineId: machine.id }]);
  pool.api.calls.length = 0;
  return { ...pool, machine };
}

describe("an idle worker", () => {
  useFakePool();

  it("is suspended once, after its time, and costs one look in ten minutes from then on", async () => {
    const { api, fleet } = await startAsleep();
    await fleet.run(20 * MINUTE, 10 * SECOND);
    expect(api.count("suspend", "start", "create", "destroy")).toBe(0);
    expect(api.count("list")).toBeLessThanOrEqual(4);
  });

  it("comes back for the next message on the same machine, with a token that had run out meanwhile", async () => {
    const { t, api, fleet, machine } = await startAsleep({ retireAfterMs: 60 * 60 * MINUTE });
    await fleet.run(30 * 60 * MINUTE, 30 * MINUTE);
    expect(stateOf(machine)).toBe("suspended");
    await enqueue(t, "c");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.count("start")).toBe(1);
    expect(api.count("create")).toBe(0);
    expect(api.live()).toEqual([machine]);
    await fleet.run(MINUTE);
    expect(stateOf(machine)).toBe("suspended");
  });

  it("is not for another conversation: that one gets a machine of its own", async () => {
    const { t, api, fleet, machine } = await startAsleep();
    await enqueue(t, "d");
    await fleet.run(15 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.count("start")).toBe(0);
    expect(api.count("create")).toBe(1);
    expect(stateOf(machine)).toBe("suspended");
  });

  it("makes way in a full pool, and its place is taken", async () => {
    const { t, api, fleet, machine } = await startAsleep({ maxWorkers: 1 });
    await enqueue(t, "d");
    await fleet.run(30 * SECOND);
    expect(stateOf(machine)).toBe("destroyed");
    expect(api.count("start", "stop")).toBe(0);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.live()).toHaveLength(1);
  });

  it("is destroyed when nobody has needed it for long enough", async () => {
    const { t, api, fleet, machine } = await startAsleep();
    await fleet.run(31 * MINUTE, 10 * SECOND);
    expect(stateOf(machine)).toBe("destroyed");
    expect(await liveRows(t)).toEqual([]);
    const [row] = await workerRows(t);
    expect(row?.status).toBe("stopped");
    expect(api.count("start", "stop", "create")).toBe(0);
  });

  it("that is part of the minimum or of the reserve stays up", async () => {
    const { t, api, fleet } = await startPool({ ...POLICY, minWorkers: 2, warmWorkers: 1 });
    await enqueue(t, "c");
    await fleet.run(5 * MINUTE, 5 * SECOND);
    expect((await liveRows(t)).map(({ status }) => status)).toEqual(["active", "active"]);
    expect(api.count("suspend")).toBe(0);
  });

  it("on a machine that is too large to be suspended is drained instead", async () => {
    const guest = { cpuKind: "performance", cpus: 2, memoryMb: 4_096 } as const;
    const { t, api, fleet } = await startPool({ ...POLICY, idleTimeoutMs: 40 * SECOND }, { ...PROVIDER, guest });
    await enqueue(t, "c");
    await fleet.run(2 * MINUTE, 5 * SECOND);
    expect(api.count("suspend")).toBe(0);
    expect(api.live()).toEqual([]);
  });
});

describe("suspending", () => {
  useFakePool();

  const startIdle = async (fault: ApiFault, policy: Parameters<typeof startPool>[0] = {}) => {
    const pool = await startPool({ ...POLICY, ...policy });
    let isFailing = true;
    pool.api.faultFor = ({ action }) => (action === "suspend" && isFailing ? fault : null);
    await enqueue(pool.t, "c");
    await pool.fleet.run(30 * SECOND);
    const heal = () => {
      isFailing = false;
    };
    return { ...pool, heal };
  };

  it.each<[string, ApiFault]>([
    ["lost", { kind: "lose_answer", status: 500 }],
    ["lost with the connection", { kind: "lose_answer", status: "drop" }],
    ["late", { kind: "commit_late", afterMs: 2_000 }],
  ])("whose answer is %s is seen to have worked in the next list", async (_what, fault) => {
    const { t, api, fleet } = await startIdle(fault);
    await fleet.run(2 * MINUTE);
    expect(api.live().map((machine) => stateOf(machine))).toEqual(["suspended"]);
    expect(await liveRows(t)).toMatchObject([{ status: "suspended" }]);
    expect(api.count("suspend")).toBe(1);
  });

  it("that did nothing is asked for again", async () => {
    const { api, fleet, heal } = await startIdle({ kind: "refuse", status: 500 });
    heal();
    await fleet.run(MINUTE);
    expect(api.live().map((machine) => stateOf(machine))).toEqual(["suspended"]);
    expect(api.count("suspend")).toBe(2);
  });

  it.each([400, 412])("that is refused with %i leaves the worker up until its time-out", async (status) => {
    const { t, api, fleet } = await startIdle({ kind: "refuse", status }, { idleTimeoutMs: 3 * MINUTE });
    await fleet.run(2 * MINUTE);
    expect(await liveRows(t)).toMatchObject([{ status: "active", cannotSuspend: true }]);
    // It is as good as any other until then.
    await enqueue(t, "c");
    await fleet.run(6 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.count("create")).toBe(1);
    await fleet.run(5 * MINUTE);
    expect(api.live()).toEqual([]);
    expect(api.count("suspend")).toBeLessThanOrEqual(3);
  });

  it("does not happen to a worker that has claimed in the meantime", async () => {
    const { t, api, fleet } = await startPool(POLICY);
    await enqueue(t, "c");
    await fleet.run(22 * SECOND);
    fleet.turnMs = 10 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(2 * MINUTE);
    expect(api.count("suspend")).toBe(0);
    expect(await queueStats(t)).toMatchObject({ processing: 1 });
  });

  it("keeps the worker from claiming at once, although its machine still runs", async () => {
    const { t, fleet } = await startIdle({ kind: "refuse", status: 500 });
    expect(await liveRows(t)).toMatchObject([{ status: "suspended" }]);
    // It hears nothing of work until it is wanted, and is then there without any start.
    await enqueue(t, "c");
    await fleet.run(6 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
  });
});

describe("coming back", () => {
  useFakePool();

  it.each<[string, ApiFault]>([
    ["lost", { kind: "lose_answer", status: 500 }],
    ["cut off", { kind: "lose_answer", status: "drop" }],
    ["that it is too much", { kind: "refuse", status: 429 }],
    ["an error", { kind: "refuse", status: 503 }],
  ])("survives a first answer that is %s", async (_what, fault) => {
    const { t, api, fleet } = await startAsleep();
    let answers = 0;
    api.faultFor = ({ action }) => (action === "start" && answers++ === 0 ? fault : null);
    await enqueue(t, "c");
    await fleet.run(20 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.live()).toHaveLength(1);
    expect(api.count("create")).toBe(0);
  });

  it.each<[string, ApiFault]>([
    ["has no room", { kind: "refuse", status: 409, body: { error: "could not reserve resource for machine" } }],
    ["refuses", { kind: "refuse", status: 400 }],
  ])("to a host that %s ends with a new machine elsewhere, and the old one destroyed", async (_what, fault) => {
    const { t, api, fleet, machine } = await startAsleep();
    api.faultFor = ({ action }) => (action === "start" ? fault : null);
    await enqueue(t, "c");
    await fleet.run(40 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(stateOf(machine)).toBe("destroyed");
    expect(api.live()).toHaveLength(1);
  });

  it("from a machine that was destroyed behind our back ends with a new one", async () => {
    const { t, api, fleet, machine } = await startAsleep();
    machine.destroyedAt = Date.now() - 5 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(30 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.live()).toHaveLength(1);
  });

  it("that never happens is given up at the boot deadline", async () => {
    const { t, fleet, machine } = await startAsleep({ bootDeadlineMs: MINUTE });
    fleet.hung.add(machine.id);
    await enqueue(t, "c");
    await fleet.run(3 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(stateOf(machine)).toBe("destroyed");
  });

  it("is noticed by a worker that was suspended for only a moment: its next beat wakes it", async () => {
    const { t } = await startAsleep();
    const [row] = await liveRows(t);
    if (row === undefined) throw new Error("There is no worker.");
    await enqueue(t, "c");
    await reconcile(t);
    await letTimePass(SECOND);
    const after = await inComponent(t, async (ctx) => await ctx.db.get("workers", row._id));
    expect(after).toMatchObject({ status: "suspended" });
    expect(after?.wakeRequestedAt).toBeGreaterThan(0);
    expect(await health(t)).toMatchObject({ problem: null });
  });
});

describe("a machine that ended while it slept", () => {
  useFakePool();

  it("is cleared away, and its conversation gets a new one", async () => {
    const { t, api, fleet, machine } = await startAsleep();
    api.exit(machine);
    await reconcile(t);
    await fleet.run(20 * SECOND);
    expect(stateOf(machine)).toBe("destroyed");
    await enqueue(t, "c");
    await fleet.run(20 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
  });

  it("or woke up by itself is put to sleep again", async () => {
    const { t, api, fleet, machine } = await startAsleep();
    machine.suspendsAt = Infinity;
    await reconcile(t);
    await fleet.run(10 * SECOND);
    expect(stateOf(machine)).toBe("suspended");
    expect(api.count("suspend")).toBe(1);
  });
});
