/** Answers that leave it open whether anything happened, or say what is not so: looked into, never guessed. */
import { describe, expect, it } from "vitest";
import { component, enqueue, queueStats } from "../setup.test-kit.js";
import { stateOf, type ApiFault } from "./machines-api.test-kit.js";
import { letTimePass, liveRows, startPool, useFakePool, workerRows } from "./pool.test-kit.js";

const MINUTE = 60_000;

describe("an answer that says nothing", () => {
  useFakePool();

  it.each<[string, ApiFault]>([
    ["500 after the machine was made", { kind: "lose_answer", status: 500 }],
    ["408 after the machine was made", { kind: "lose_answer", status: 408 }],
    ["a dropped connection after the machine was made", { kind: "lose_answer", status: "drop" }],
    ["a dropped connection before anything happened", { kind: "drop" }],
    ["503 before anything happened", { kind: "refuse", status: 503 }],
    ["nothing at all", { kind: "hang" }],
    ["an answer of somebody else", { kind: "garbage" }],
    ["nothing, and the machine a little later", { kind: "commit_late", afterMs: 31_000 }],
  ])("to a create, %s: one machine, and the message is answered within a minute", async (_what, fault) => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    let creates = 0;
    api.faultFor = ({ action }) => (action === "create" && ++creates === 1 ? fault : null);
    await enqueue(t, "c");
    await fleet.run(MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.machines.size).toBe(1);
    expect(await workerRows(t)).toMatchObject([{ machineId: api.live()[0]?.id, status: "active" }]);
  });

  it("to a create, and a list that does not show the machine yet: the name gives it away", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    let creates = 0;
    api.faultFor = ({ action }) => {
      if (action === "list") return { kind: "stale", ageMs: 15_000 };
      return action === "create" && ++creates === 1 ? { kind: "lose_answer", status: 500 } : null;
    };
    await enqueue(t, "c");
    await letTimePass(5_000);
    expect(await workerRows(t)).toMatchObject([{ machineId: api.live()[0]?.id, status: "starting" }]);
    await fleet.run(30_000);
    expect(api.machines.size).toBe(1);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("to a create, and the machine minutes later: it is destroyed, and one serves the message", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    let creates = 0;
    api.faultFor = ({ action }) =>
      action === "create" && ++creates <= 3 ? { kind: creates === 1 ? "commit_late" : "hang", afterMs: 130_000 } : null;
    await enqueue(t, "c");
    let most = 0;
    for (let passed = 0; passed < 10 * MINUTE; passed += 10_000) {
      await fleet.run(10_000);
      most = Math.max(most, api.live().length);
    }
    expect(most).toBe(1);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    const names = (await liveRows(t)).map(({ machineName }) => machineName);
    expect(api.live().map(({ name }) => name)).toEqual(names);
  });

  it("to a create, until its worker was given up: the machine goes at once", async () => {
    const { t, api } = await startPool({ maxWorkers: 1 });
    let creates = 0;
    api.faultFor = ({ action }) => (action === "create" && ++creates === 1 ? { kind: "slow", ms: 20_000 } : null);
    await enqueue(t, "c");
    await letTimePass(5_000);
    const [worker] = await liveRows(t);
    const gone = { workerId: worker?.workerId ?? "", reason: "A run that took over has given it up." };
    await t.action(async (ctx) => await ctx.runMutation(component.pool.internal.machineGone, gone));
    await letTimePass(30_000);
    const rows = await liveRows(t);
    expect(api.machines.size).toBe(2);
    expect(api.live().map(({ name }) => name)).toEqual(rows.map(({ machineName }) => machineName));
    expect(rows).toHaveLength(1);
  });

  it("to a destroy: it is looked at, not guessed", async () => {
    const { t, api, fleet } = await startPool({ idleTimeoutMs: 20_000 });
    await enqueue(t, "c");
    await fleet.run(20_000);
    api.faultFor = ({ action }) => (action === "destroy" ? { kind: "drop" } : null);
    await fleet.run(2 * MINUTE);
    expect(await liveRows(t)).toMatchObject([{ status: "stopping" }]);
    expect(api.live()).toHaveLength(1);
    api.faultFor = () => null;
    await fleet.run(6 * MINUTE);
    expect(await liveRows(t)).toEqual([]);
    expect(api.live()).toEqual([]);
  });

  it("to a look right after a create, that there is no such machine: that is no proof", async () => {
    const { t, api } = await startPool({ bootDeadlineMs: 10_000, maxWorkers: 1 });
    await enqueue(t, "c");
    await letTimePass(5_000);
    const [machine] = api.live();
    if (machine === undefined) throw new Error("No machine was started.");
    api.faultFor = ({ action }) => {
      if (action === "list") return { kind: "stale", ageMs: 10 * MINUTE };
      return action === "get" ? { kind: "refuse", status: 404 } : null;
    };
    await letTimePass(10_000);
    // It was asked to go all the same, and counts until there is no doubt.
    expect(stateOf(machine)).toBe("destroyed");
    expect(await liveRows(t)).toMatchObject([{ status: "stopping" }]);
    expect(api.count("create")).toBe(1);
    api.faultFor = () => null;
    await letTimePass(5 * MINUTE);
    expect((await workerRows(t)).find(({ machineId }) => machineId === machine.id)).toMatchObject({
      status: "stopped",
    });
  });
});
