/** The nightly cleanup: what is provably an orphan goes, everything else stays and is reported. */
import { describe, expect, it } from "vitest";
import { enqueue, lib, type Harness } from "../setup.test-kit.js";
import { isAgentFactoryError } from "../../shared/errors.js";
import type { MachinesApi } from "./machines-api.test-kit.js";
import { startPool, useFakePool, whileTimePasses } from "./pool.test-kit.js";

const MINUTE = 60_000;

async function cleanUp(t: Harness) {
  return await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.runFlyCleanup, {})));
}

const OURS = {
  "agent-factory": "worker",
  "agent-factory-deployment": "https://test.convex.cloud",
  "agent-factory-pool": "default",
  "agent-factory-worker": "wlost",
};

/** A machine as a create would have left it whose row is long gone. */
function addOrphan(api: MachinesApi, name: string, metadata: Record<string, string> = OURS, ageMs = 10 * MINUTE) {
  return api.add({ name, config: { metadata }, createdAt: Date.now() - ageMs, startsAt: 0 });
}

describe("runFlyCleanup", () => {
  useFakePool();

  it("destroys orphans, confirms, and says what it did", async () => {
    const { t, api } = await startPool();
    const orphans = [addOrphan(api, "default-wa-g1"), addOrphan(api, "default-wb-g1")];
    const report = await cleanUp(t);
    expect(report).toMatchObject({
      appName: "app",
      machinesFound: 2,
      machinesDeleted: 2,
      machinesRemaining: 0,
      errors: [],
    });
    expect(report.machineIdsDeleted).toEqual(orphans.map(({ id }) => id));
    expect(api.live()).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ["without metadata", {}],
    ["of another deployment", { ...OURS, "agent-factory-deployment": "https://other.convex.cloud" }],
    ["of another pool", { ...OURS, "agent-factory-pool": "gpu" }],
    ["that is another kind of ours", { ...OURS, "agent-factory": "builder" }],
  ])("leaves a machine %s alone and counts it", async (_what, metadata) => {
    const { t, api } = await startPool();
    const stranger = addOrphan(api, "default-wa-g1", metadata);
    const report = await cleanUp(t);
    expect(report).toMatchObject({ machinesFound: 1, machinesDeleted: 0, machineIdsRemaining: [stranger.id] });
    expect(report.warnings).toEqual(["1 machines of this app belong to something else and were left alone."]);
    expect(api.live()).toEqual([stranger]);
  });

  it("leaves what is young alone: its row may be about to learn of it", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "default-wa-g1", OURS, MINUTE);
    expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0, machinesRemaining: 1 });
  });

  it("leaves the machines of live workers alone, however old", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 2 });
    await enqueue(t, "c");
    await fleet.run(30 * MINUTE, 15_000);
    expect(api.live().length).toBeGreaterThanOrEqual(2);
    const before = api.live().map(({ id }) => id);
    expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0, machineIdsRemaining: before, warnings: [] });
    expect(api.live().map(({ id }) => id)).toEqual(before);
  });

  it("leaves what looks different at a second look alone", async () => {
    const { t, api } = await startPool();
    addOrphan(api, "default-wa-g1");
    api.faultFor = ({ action }) =>
      action === "get"
        ? { kind: "view", change: (machine) => ({ ...machine, config: { metadata: { owner: "billing" } } }) }
        : null;
    expect(await cleanUp(t)).toMatchObject({ machinesDeleted: 0, machinesRemaining: 1 });
  });

  it("reads the metadata of a machine whose host is out of reach", async () => {
    const { t, api } = await startPool();
    const orphan = addOrphan(api, "default-wa-g1");
    api.faultFor = ({ action }) => {
      if (action !== "list" && action !== "get") return null;
      return { kind: "view", change: ({ config, ...machine }) => ({ ...machine, incomplete_config: config }) };
    };
    expect((await cleanUp(t)).machineIdsDeleted).toEqual([orphan.id]);
  });

  it("goes on after an error, and reports it with the machine", async () => {
    const { t, api } = await startPool();
    const [first, second] = [addOrphan(api, "default-wa-g1"), addOrphan(api, "default-wb-g1")];
    api.faultFor = ({ action, machineId }) =>
      action === "destroy" && machineId === first.id ? { kind: "refuse", status: 500 } : null;
    const report = await cleanUp(t);
    expect(report).toMatchObject({ machineIdsDeleted: [second.id], machineIdsRemaining: [first.id] });
    expect(report.errors).toEqual([expect.stringContaining(`Machine ${first.id}:`)]);
  });

  it("destroys no more than 50 in a night, and says so", async () => {
    const { t, api } = await startPool();
    for (let index = 0; index < 55; index++) addOrphan(api, `default-w${index}-g1`);
    const report = await cleanUp(t);
    expect(report).toMatchObject({ machinesFound: 55, machinesDeleted: 50, machinesRemaining: 5 });
    expect(report.warnings).toEqual([expect.stringContaining("left for the next one")]);
    expect(api.live()).toHaveLength(5);
  });

  it("reads all pages, and deletes no volume", async () => {
    const { t, api } = await startPool();
    api.pageSize = 2;
    api.volumes.push({ id: "vol_1", name: "data", state: "created", attached_machine_id: null });
    for (let index = 0; index < 5; index++) addOrphan(api, `default-w${index}-g1`);
    const report = await cleanUp(t);
    expect(report).toMatchObject({
      machinesDeleted: 5,
      volumesFound: 1,
      volumesDeleted: 0,
      volumeIdsRemaining: ["vol_1"],
    });
    expect(report.warnings).toEqual(["1 volumes are attached to no machine. Delete them with deleteFlyVolume."]);
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

describe("deleteFlyVolume", () => {
  useFakePool();
  const remove = async (t: Harness, volumeId: string, appName = "app") =>
    await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.deleteFlyVolume, { appName, volumeId })));

  it("deletes a volume that nothing is attached to, and no other", async () => {
    const { t, api } = await startPool();
    api.volumes.push(
      { id: "vol_free", name: "data", state: "created", attached_machine_id: null },
      { id: "vol_used", name: "data", state: "created", attached_machine_id: "m1" },
    );
    expect(await remove(t, "vol_free")).toMatchObject({ ok: true, status: 200 });
    expect(await remove(t, "vol_used")).toMatchObject({ ok: false, status: 409 });
    expect(api.calls.filter(({ action }) => action === "delete_volume")).toHaveLength(1);
  });

  it("asks for the name of the app it would delete from", async () => {
    const { t, api } = await startPool();
    const error = await remove(t, "vol_free", "other-app").catch((thrown: unknown) => thrown);
    expect(isAgentFactoryError(error, "invalid_argument")).toBe(true);
    expect(api.calls).toEqual([]);
  });
});
