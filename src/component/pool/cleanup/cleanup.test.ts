/** The nightly cleanup: what is provably an orphan goes, everything else stays and is reported. */
import { describe, expect, it, vi } from "vitest";
import { enqueue, lib, queueStats, type Harness } from "../../setup.test-kit.js";
import { isAgentFactoryError } from "../../../shared/errors.js";
import type { MachinesApi } from "../machines-api.test-kit.js";
import { letTimePass, liveRows, setPolicy, startPool, useFakePool, whileTimePasses } from "../pool.test-kit.js";
import { SECOND_SWEEP_AFTER_MS } from "./sightings.js";

const MINUTE = 60_000;

type Options = { dryRun?: boolean; maxPercent?: number };

async function cleanUp(t: Harness, options: Options = {}) {
  return await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.runFlyCleanup, options)));
}

/** As two nights would. The clock jumps: in between no reconcile takes the orphans away first. */
async function cleanUpTwice(t: Harness, options: Options = {}) {
  await cleanUp(t, options);
  vi.setSystemTime(Date.now() + SECOND_SWEEP_AFTER_MS);
  return await cleanUp(t, options);
}

const ours = (workerId: string) => ({
  "agent-factory": "worker",
  "agent-factory-deployment": "https://test.convex.cloud",
  "agent-factory-pool": "default",
  "agent-factory-worker": workerId,
});

/** A machine as a create would have left it whose row is long gone. */
function addOrphan(
  api: MachinesApi,
  workerId: string,
  metadata: Record<string, string> = ours(workerId),
  ageMs = 10 * MINUTE,
) {
  const config = { metadata };
  return api.add({ name: `default-${workerId}-g1`, config, createdAt: Date.now() - ageMs, startsAt: 0 });
}

describe("runFlyCleanup", () => {
  useFakePool();

  it("destroys orphans that the cleanup before has seen as well, confirms, and says what it did", async () => {
    const { t, api } = await startPool();
    const orphans = [addOrphan(api, "wa"), addOrphan(api, "wb")];
    const ids = orphans.map(({ id }) => id);
    expect(await cleanUp(t)).toMatchObject({ machinesFound: 2, machinesDeleted: 0, machineIdsPending: ids });
    expect(api.live()).toHaveLength(2);
    await letTimePass(SECOND_SWEEP_AFTER_MS);
    const report = await cleanUp(t);
    expect(report).toMatchObject({
      appName: "app",
      dryRun: false,
      machinesFound: 2,
      machinesDeleted: 2,
      machinesRemaining: 0,
      machineIdsPending: [],
      estimatedUsdPerDay: 0,
      errors: [],
    });
    expect(report.machineIdsDeleted).toEqual(ids);
    expect(api.live()).toEqual([]);
  });

  it("does not take two looks at the same moment for two", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "wa");
    for (let look = 0; look < 3; look++) expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0 });
    expect(api.live()).toHaveLength(1);
  });

  it("forgets what was not an orphan in between", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "wa");
    await cleanUp(t);
    await letTimePass(SECOND_SWEEP_AFTER_MS);
    api.faultFor = ({ action }) =>
      action === "list" ? { kind: "view", change: (machine) => ({ ...machine, state: "hibernating" }) } : null;
    expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0, machineIdsPending: [] });
    await letTimePass(SECOND_SWEEP_AFTER_MS);
    api.faultFor = () => null;
    expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0 });
  });

  it("only says what it would do when that is asked for, and does not count as a look", async () => {
    const { t, api } = await startPool();
    const { id } = addOrphan(api, "wa");
    for (let look = 0; look < 2; look++) {
      expect(await cleanUp(t, { dryRun: true })).toMatchObject({ dryRun: true, machineIdsPending: [id] });
      await letTimePass(SECOND_SWEEP_AFTER_MS);
    }
    expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0 });
    await letTimePass(SECOND_SWEEP_AFTER_MS);
    expect(await cleanUp(t, { dryRun: true })).toMatchObject({ machineIdsPending: [id], machinesRemaining: 1 });
    expect(api.count("destroy")).toBe(0);
  });

  it.each<[string, Record<string, string>]>([
    ["without metadata", {}],
    ["of another deployment", { ...ours("wa"), "agent-factory-deployment": "https://other.convex.cloud" }],
    ["of another pool", { ...ours("wa"), "agent-factory-pool": "gpu" }],
    ["that is another kind of ours", { ...ours("wa"), "agent-factory": "builder" }],
    ["of no worker", { ...ours("wa"), "agent-factory-worker": "" }],
    ["that is a copy under another name", ours("wz")],
  ])("leaves a machine %s alone, however often it is seen, and names it", async (_what, metadata) => {
    const { t, api } = await startPool();
    const stranger = addOrphan(api, "wa", metadata);
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({ machinesFound: 1, machinesDeleted: 0, machineIdsRemaining: [stranger.id] });
    expect(report.machineIdsForeign).toEqual([stranger.id]);
    expect(report.warnings).toEqual(["1 machines of this app belong to something else and were left alone."]);
    expect(api.live()).toEqual([stranger]);
  });

  it("leaves what is young alone: its row may be about to learn of it", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "wa", ours("wa"), MINUTE - SECOND_SWEEP_AFTER_MS);
    expect(await cleanUpTwice(t)).toMatchObject({ machinesDeleted: 0, machinesRemaining: 1 });
  });

  it("leaves a machine in a state that nobody has heard of alone", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "wa");
    api.faultFor = ({ action }) =>
      action === "list" || action === "get"
        ? { kind: "view", change: (machine) => ({ ...machine, state: "hibernating" }) }
        : null;
    expect(await cleanUpTwice(t)).toMatchObject({ machinesDeleted: 0, machinesRemaining: 1 });
  });

  it("leaves the machines of live workers alone, however old, and says what they cost", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 2 });
    await enqueue(t, "c");
    await fleet.run(30 * MINUTE, 15_000);
    expect(api.live().length).toBeGreaterThanOrEqual(2);
    const before = api.live().map(({ id }) => id);
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({ machinesDeleted: 0, machineIdsRemaining: before, warnings: [] });
    expect(report.estimatedUsdPerDay).toBeCloseTo((before.length * 3.69) / 30, 2);
    expect(api.live().map(({ id }) => id)).toEqual(before);
  });

  it("leaves what looks different at a last look alone", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "wa");
    api.faultFor = ({ action }) =>
      action === "get"
        ? { kind: "view", change: (machine) => ({ ...machine, config: { metadata: { owner: "billing" } } }) }
        : null;
    expect(await cleanUpTwice(t)).toMatchObject({ machinesDeleted: 0, machinesRemaining: 1 });
  });

  it("reads the metadata of a machine whose host is out of reach", async () => {
    const { t, api } = await startPool();
    const orphan = addOrphan(api, "wa");
    api.faultFor = ({ action }) => {
      if (action !== "list" && action !== "get") return null;
      return { kind: "view", change: ({ config, ...machine }) => ({ ...machine, incomplete_config: config }) };
    };
    expect((await cleanUpTwice(t)).machineIdsDeleted).toEqual([orphan.id]);
  });

  it("goes on after an error, and reports it with the machine", async () => {
    const { t, api } = await startPool();
    const [first, second] = [addOrphan(api, "wa"), addOrphan(api, "wb")];
    api.faultFor = ({ action, machineId }) =>
      action === "destroy" && machineId === first.id ? { kind: "refuse", status: 500 } : null;
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({ machineIdsDeleted: [second.id], machineIdsRemaining: [first.id] });
    expect(report.errors).toEqual([expect.stringContaining(`Machine ${first.id}:`)]);
  });

  it("destroys nothing when too much of the pool looks left over, unless it is told that this is right", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 3 });
    await fleet.run(20_000);
    for (let index = 0; index < 6; index++) addOrphan(api, `w${index}`);
    // What is not the pool's makes no share of it smaller.
    for (let index = 0; index < 10; index++) addOrphan(api, `s${index}`, {});
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({ machinesDeleted: 0 });
    expect(report.errors).toEqual([expect.stringContaining("6 of the pool's 9 machines")]);
    expect(await cleanUp(t, { maxPercent: 70 })).toMatchObject({ machinesDeleted: 6, errors: [] });
    expect(api.live()).toHaveLength(3 + 10);
  });

  it("destroys no more than 50 in a night, and says so", async () => {
    const { t, api } = await startPool();
    for (let index = 0; index < 55; index++) addOrphan(api, `w${index}`);
    const report = await cleanUpTwice(t, { maxPercent: 100 });
    expect(report).toMatchObject({ machinesFound: 55, machinesDeleted: 50, machinesRemaining: 5 });
    expect(report.warnings).toEqual([expect.stringContaining("left for the next one")]);
    expect(api.live()).toHaveLength(5);
  });

  it("reads all pages, and deletes no volume of others", async () => {
    const { t, api } = await startPool();
    api.pageSize = 2;
    api.shelf.add({ name: "data", sizeGb: 10 });
    for (let index = 0; index < 5; index++) addOrphan(api, `w${index}`);
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({
      machinesDeleted: 5,
      volumesFound: 1,
      volumesDeleted: 0,
      volumeIdsRemaining: ["vol_1"],
      volumeIdsForeign: ["vol_1"],
      estimatedUsdPerDay: 0.05,
    });
    expect(report.warnings).toEqual([expect.stringContaining("1 volumes of this app are attached to no machine")]);
  });

  it("throws what its caller can act upon", async () => {
    const { t, api } = await startPool();
    api.faultFor = () => ({ kind: "drop" });
    const unreachable = await cleanUp(t).catch((error: unknown) => error);
    expect(isAgentFactoryError(unreachable, "provider_unreachable")).toBe(true);
    api.faultFor = () => ({ kind: "refuse", status: 401 });
    const refused = await cleanUp(t).catch((error: unknown) => error);
    expect(isAgentFactoryError(refused, "provider_unauthorized")).toBe(true);
    const bare = await startPool({}, null);
    const missing = await cleanUp(bare.t).catch((error: unknown) => error);
    expect(isAgentFactoryError(missing, "provider_config_missing")).toBe(true);
  });
});

describe("wipeFlyApp", () => {
  useFakePool();
  const wipe = async (t: Harness, appName: string) =>
    await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.wipeFlyApp, { appName })));

  it("asks for the name of the app", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 1 });
    await fleet.run(20_000);
    api.calls.length = 0;
    const error = await wipe(t, "another-app").catch((thrown: unknown) => thrown);
    expect(isAgentFactoryError(error, "invalid_argument")).toBe(true);
    expect(api.calls).toEqual([]);
    expect(await liveRows(t)).toHaveLength(1);
  });

  it("destroys every machine of the pool and no other; what ran waits until the pool may grow again", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 2, maxWorkers: 4 });
    fleet.turnMs = 10 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(30_000);
    const stranger = addOrphan(api, "wa", {});
    addOrphan(api, "wb");
    const report = await wipe(t, "app");
    expect(report).toMatchObject({ machinesRemaining: 1, machineIdsForeign: [stranger.id], errors: [] });
    expect(api.live()).toEqual([stranger]);
    await fleet.run(MINUTE);
    expect(await liveRows(t)).toEqual([]);
    expect(api.live()).toEqual([stranger]);
    expect(await queueStats(t)).toMatchObject({ queued: 1, processing: 0 });
    fleet.turnMs = 1_000;
    await setPolicy(t, { maxWorkers: 1 });
    await fleet.run(MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });
});

describe("deleteFlyVolume", () => {
  useFakePool();
  const remove = async (t: Harness, volumeId: string, appName = "app") =>
    await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.deleteFlyVolume, { appName, volumeId })));

  it("deletes a volume that nothing is attached to, and no other", async () => {
    const { t, api } = await startPool();
    api.shelf.add({ id: "vol_free", name: "data" });
    api.shelf.add({ id: "vol_used", name: "data" });
    api.add({ name: "somebody-elses", config: { mounts: [{ volume: "vol_used", path: "/data" }] } });
    expect(await remove(t, "vol_free")).toMatchObject({ ok: true, status: 200 });
    expect(await remove(t, "vol_used")).toMatchObject({ ok: false, status: 409 });
    expect(api.count("delete_volume")).toBe(1);
    expect(api.shelf.live().map(({ id }) => id)).toEqual(["vol_used"]);
  });

  it("asks for the name of the app it would delete from", async () => {
    const { t, api } = await startPool();
    const error = await remove(t, "vol_free", "other-app").catch((thrown: unknown) => thrown);
    expect(isAgentFactoryError(error, "invalid_argument")).toBe(true);
    expect(api.calls).toEqual([]);
  });
});
