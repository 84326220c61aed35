/** What holds a pool together when actions die or overlap, machines do not go, and the pool moves: rows first, one run at a time. */
import { describe, expect, it } from "vitest";
import { findRequest } from "../queue/capacity.js";
import { component, enqueue, inComponent, queueStats, type Harness } from "../setup.test-kit.js";
import { stateOf } from "./machines-api.test-kit.js";
import { health, letTimePass, liveRows, PROVIDER, reconcile } from "./pool.test-kit.js";
import { setProvider, startPool, useFakePool, whileTimePasses, workerRows } from "./pool.test-kit.js";

const MINUTE = 60_000;
const poolKey = "default";

/** A run that writes its intents and dies before it has done any of them. */
async function commitAndDie(t: Harness, workerId: string) {
  const tickets = [{ workerId, credentialHash: "0".repeat(64) }];
  return await t.action(
    async (ctx) =>
      await ctx.runMutation(component.pool.internal.commit, { poolKey, machines: [], unlistedHomes: [], tickets }),
  );
}

describe("a run that dies", () => {
  useFakePool();

  it("after its intents is noticed, and the message runs on a machine of the next one", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    await enqueue(t, "c");
    expect(await commitAndDie(t, "wdead")).toMatchObject({ steps: [{ kind: "create", workerId: "wdead" }] });
    await fleet.run(100_000);
    // Nobody acts while it might still be alive: a second run at its work is what makes surplus machines.
    expect(api.calls).toEqual([]);
    expect((await health(t)).reconcile).toBe("running");
    await fleet.run(5 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.count("create")).toBe(1);
    expect((await workerRows(t)).find(({ workerId }) => workerId === "wdead")).toMatchObject({ status: "stopped" });
  });

  it("is noticed even if nothing else was going to happen", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    await enqueue(t, "c");
    await inComponent(t, async (ctx) => {
      const request = await findRequest(ctx, poolKey);
      if (request?.scheduledId === undefined) throw new Error("No reconcile is scheduled.");
      await ctx.scheduler.cancel(request.scheduledId);
      await ctx.db.delete("capacityRequests", request._id);
    });
    await commitAndDie(t, "wdead");
    await fleet.run(6 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.count("create")).toBe(1);
  });

  it("after a create is survived: the machine is adopted by its name", async () => {
    const { t, api } = await startPool({ maxWorkers: 1 });
    await enqueue(t, "c");
    await commitAndDie(t, "wdead");
    const metadata = {
      "agent-factory": "worker",
      "agent-factory-deployment": "https://test.convex.cloud",
      "agent-factory-pool": poolKey,
      "agent-factory-worker": "wdead",
    };
    const machine = api.add({ name: "default-wdead-g1", config: { metadata } });
    await letTimePass(2 * MINUTE + 1_000);
    expect(await liveRows(t)).toMatchObject([{ workerId: "wdead", machineId: machine.id, region: "fra" }]);
    expect(api.count("create")).toBe(0);
    // It has no credential that anybody knows, so it never enrolls, and goes at its boot deadline.
    await letTimePass(3 * MINUTE);
    expect(stateOf(machine)).toBe("destroyed");
  });

  it("after a destroy is survived: the row learns that the machine is gone", async () => {
    const { t, api, fleet } = await startPool({ idleTimeoutMs: 20_000 });
    await enqueue(t, "c");
    await fleet.run(20_000);
    const [machine] = api.live();
    if (machine === undefined) throw new Error("No machine was started.");
    machine.destroyedAt = Date.now();
    await fleet.run(4 * MINUTE);
    expect(await liveRows(t)).toEqual([]);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });
});

describe("overlapping runs", () => {
  useFakePool();

  it("make one machine, and the ones that come second do not even list", async () => {
    const { t, api } = await startPool({ maxWorkers: 5 });
    api.faultFor = ({ action }) => (action === "create" ? { kind: "commit_late", afterMs: 5_000 } : null);
    await enqueue(t, "c");
    await letTimePass(3_000);
    expect(api.count("list")).toBe(1);
    const calls = api.calls.length;
    for (let run = 0; run < 3; run++) await reconcile(t);
    expect(api.calls.length).toBe(calls);
    await letTimePass(MINUTE);
    expect(api.live()).toHaveLength(1);
    expect(await liveRows(t)).toHaveLength(1);
  });

  it("at the very same moment make one machine", async () => {
    const { t, api } = await startPool({ maxWorkers: 5 });
    await enqueue(t, "c");
    await whileTimePasses(Promise.all(Array.from({ length: 5 }, async () => await reconcile(t))));
    await letTimePass(10_000);
    expect(api.live()).toHaveLength(1);
    expect(api.count("create")).toBe(1);
    expect(await liveRows(t)).toHaveLength(1);
  });

  it("write their intents one after the other", async () => {
    const { t } = await startPool({ maxWorkers: 5 });
    await enqueue(t, "c");
    expect(await commitAndDie(t, "wone")).toMatchObject({ generation: 1 });
    await enqueue(t, "d");
    expect(await commitAndDie(t, "wtwo")).toBeNull();
    expect(await liveRows(t)).toMatchObject([{ workerId: "wone" }]);
  });

  it("do not disturb what the acting one has to say", async () => {
    const { t, api } = await startPool();
    api.faultFor = ({ action }) => (action === "create" ? { kind: "refuse", status: 400 } : null);
    await enqueue(t, "c");
    await letTimePass(5_000);
    expect((await health(t)).problem).toMatchObject({ kind: "provider_rejected" });
    await commitAndDie(t, "wdead");
    await reconcile(t);
    expect((await health(t)).problem).toMatchObject({ kind: "provider_rejected" });
  });
});

describe("a machine that does not go", () => {
  useFakePool();

  it("is asked less and less often, counts as long as it is there, and is complained about", async () => {
    const { t, api, fleet } = await startPool({ idleTimeoutMs: 20_000, maxWorkers: 1 });
    await enqueue(t, "c");
    await fleet.run(20_000);
    api.faultFor = ({ action }) => (action === "destroy" ? { kind: "garbage" } : null);
    const problems = new Set<string | undefined>();
    for (let passed = 0; passed < 10 * MINUTE; passed += 10_000) {
      await fleet.run(10_000, 10_000);
      problems.add((await health(t)).problem?.kind);
    }
    expect(problems).toEqual(new Set([undefined, "machine_stuck"]));
    const destroys = api.calls.filter(({ action }) => action === "destroy").map(({ at }) => at);
    expect(destroys.length).toBeGreaterThan(5);
    expect(destroys.length).toBeLessThan(20);
    await enqueue(t, "other");
    await fleet.run(5 * MINUTE, 10_000);
    expect(api.machines.size).toBe(1);
    expect(await liveRows(t)).toHaveLength(1);
    api.faultFor = () => null;
    await fleet.run(8 * MINUTE, 10_000);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
  });
});

describe("a pool that moves to another app", () => {
  useFakePool();
  const MOVED = { ...PROVIDER, appName: "new-app" };

  it("destroys its old machines where they live, and makes new ones where it lives", async () => {
    const { t, api, fleet } = await startPool({ idleTimeoutMs: 40_000 });
    await enqueue(t, "old");
    await fleet.run(15_000);
    const [old] = api.live();
    await setProvider(t, MOVED);
    await enqueue(t, "new");
    await fleet.run(15_000);
    expect(api.live().map(({ app }) => app)).toEqual(["app", "new-app"]);
    await fleet.run(3 * MINUTE);
    expect(api.live()).toEqual([]);
    expect(old === undefined ? "" : stateOf(old)).toBe("destroyed");
    expect(api.calls.filter(({ action }) => action === "destroy").map(({ app }) => app)).toEqual(["app", "new-app"]);
    expect(await liveRows(t)).toEqual([]);
  });

  it("is not held up by an old app that is out of reach, and forgets nothing there", async () => {
    const { t, api, fleet } = await startPool({ idleTimeoutMs: 20_000 });
    await enqueue(t, "old");
    await fleet.run(15_000);
    await setProvider(t, MOVED);
    api.faultFor = ({ app }) => (app === "app" ? { kind: "drop" } : null);
    await enqueue(t, "new");
    await fleet.run(15_000);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    await fleet.run(5 * MINUTE, 5_000);
    expect(api.live().map(({ app }) => app)).toEqual(["app"]);
    expect(await liveRows(t)).toMatchObject([{ appName: "app", status: "stopping" }]);
    api.faultFor = () => null;
    await fleet.run(6 * MINUTE, 5_000);
    expect(api.live()).toEqual([]);
    expect(await liveRows(t)).toEqual([]);
  });
});
