/** What an operator may say about volumes, and what follows when it changes. */
import { describe, expect, it } from "vitest";
import { isAgentFactoryError } from "../../../shared/errors.js";
import { enqueue } from "../../setup.test-kit.js";
import { letTimePass, PROVIDER, setProvider, startPool, useFakePool, workerRows } from "../pool.test-kit.js";
import { WITH_VOLUMES } from "./volumes.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe("the settings of volumes", () => {
  useFakePool();

  it.each<[string, { name?: string; path?: string; sizeGb?: number }]>([
    ["providerConfig.volume.name", { name: "" }],
    ["providerConfig.volume.name", { name: "Data" }],
    ["providerConfig.volume.name", { name: "9data" }],
    ["providerConfig.volume.name", { name: "data-disk" }],
    ["providerConfig.volume.name", { name: "workspaces" }],
    ["providerConfig.volume.path", { path: "data" }],
    ["providerConfig.volume.path", { path: "/" }],
    ["providerConfig.volume.path", { path: "/data/" }],
    ["providerConfig.volume.path", { path: "/data/../etc" }],
    ["providerConfig.volume.path", { path: "/run/agent-factory" }],
    ["providerConfig.volume.path", { path: "/my data" }],
    ["providerConfig.volume.sizeGb", { sizeGb: 0 }],
    ["providerConfig.volume.sizeGb", { sizeGb: 501 }],
    ["providerConfig.volume.sizeGb", { sizeGb: 1.5 }],
  ])("are checked: %s %j", async (argument, change) => {
    const { t } = await startPool({}, null);
    const volume = { name: "data", path: "/data", sizeGb: 1, ...change };
    const error = await setProvider(t, { ...PROVIDER, volume }).catch((thrown: unknown) => thrown);
    expect(isAgentFactoryError(error, "invalid_argument") && error.data.argument).toBe(argument);
  });

  it("when they change, replace machines, and only then", async () => {
    const { t, api, fleet } = await startPool(
      { maxWorkers: 1, suspendAfterMs: 60 * MINUTE, idleTimeoutMs: 60 * MINUTE },
      WITH_VOLUMES,
    );
    await enqueue(t, "c");
    await fleet.run(15 * SECOND);
    await setProvider(t, { ...WITH_VOLUMES, volume: { name: "disk", path: "/data", sizeGb: 10 } });
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(await workerRows(t)).toHaveLength(1);
    await setProvider(t, { ...WITH_VOLUMES, volume: { name: "disk", path: "/data", sizeGb: 20 } });
    await fleet.run(3 * MINUTE, 5 * SECOND);
    await letTimePass(0);
    expect(await workerRows(t)).toMatchObject([{ status: "stopped" }]);
    expect(api.shelf.live()).toEqual([]);
  });
});
