/** Machines with volumes, through the pool's own client and steps, against the Fly emulator. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startFlyEmulator, type FlyEmulator } from "../../dev/fly-emulator/index.js";
import { destroyMachine } from "../../src/component/pool/steps.js";
import { createMachineWithVolume, removeVolume } from "../../src/component/pool/volumes/volumeSteps.js";
import { flyProvider } from "../../src/component/providers/fly/client.js";
import type { Provider } from "../../src/component/providers/provider.js";

const GUEST = { cpuKind: "shared", cpus: 1, memoryMb: 256 } as const;
let emulator: FlyEmulator;
let provider: Provider;

beforeAll(async () => {
  emulator = await startFlyEmulator({
    images: { sleeper: { command: "sleep", args: ["600"] } },
    rateLimits: false,
    latencies: { create: 20, start: 20, destroy: 50 },
    destroyedVisibleMs: 300,
  });
});
afterAll(async () => {
  await emulator.close();
});
afterEach(async () => {
  emulator.faults.clear();
  for (const { machineId } of await provider.listMachines({})) await provider.destroyMachine(machineId);
  for (const volume of left()) {
    const id = typeof volume["id"] === "string" ? volume["id"] : "";
    await until("nothing is attached to it", () => attachedTo(id) === null);
    await provider.deleteVolume(id);
  }
});

const soon = () => Date.now() + 20_000;
const live = () => emulator.machines().filter(({ state }) => state !== "destroyed");
const left = () => emulator.volumes().filter((volume) => volume["state"] === "created");
const attachedTo = (volumeId: string | undefined) =>
  left().find((volume) => volume["id"] === volumeId)?.["attached_machine_id"];

async function create(name: string) {
  // A client of its own, with all the calls that Fly's rates allow at once.
  provider = flyProvider({ baseUrl: emulator.url, appName: "pool-app", token: emulator.token });
  return await createMachineWithVolume(
    provider,
    ["fra", "ams"],
    {
      volume: { name, sizeGb: 1, guest: GUEST },
      machineFor: ({ region, volumeId }) => ({
        name,
        image: "sleeper",
        region,
        guest: GUEST,
        environment: {},
        files: {},
        metadata: { worker: name },
        volume: { volumeId, path: "/data" },
        stopTimeoutSeconds: 1,
      }),
    },
    soon(),
  );
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (let look = 0; look < 400; look++) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`It did not come true within ten seconds that ${what}.`);
}

describe("a machine with a volume", () => {
  it("finds there what is on it, says which it is, and leaves it when it is gone", async () => {
    const outcome = await create("v1");
    if (outcome.kind !== "created") throw new Error("It was not created.");
    const { machineId, volumeId = "" } = outcome.machine;
    expect(outcome).toMatchObject({ isSettled: true, machine: { region: "fra" } });
    expect(attachedTo(volumeId)).toBe(machineId);
    expect((await provider.listMachines({ worker: "v1" })).map((machine) => machine.volumeId)).toEqual([volumeId]);
    expect(await removeVolume(provider, volumeId, "v1")).toMatchObject({ kind: "left" });
    expect((await provider.deleteVolume(volumeId)).status).toBe(412);
    expect(await destroyMachine(provider, machineId, { state: "booting", isYoung: false, deadline: soon() })).toBe(
      true,
    );
    await until("it is free", () => attachedTo(volumeId) === null);
    // Another name is another volume, whatever its id.
    expect(await removeVolume(provider, volumeId, "v2")).toEqual({ kind: "gone" });
    expect(left()).toHaveLength(1);
    emulator.faults.add({ match: { action: "volume_delete" }, kind: "fail_after_commit", answer: 500 });
    expect(await removeVolume(provider, volumeId, "v1")).toEqual({ kind: "gone" });
    expect(left()).toEqual([]);
  });

  it.each([408, 500, "drop"] as const)("adopts the volume that was made although the answer was %s", async (answer) => {
    emulator.faults.add({ match: { action: "volume_create" }, kind: "fail_after_commit", answer });
    const outcome = await create("v1");
    expect(outcome).toMatchObject({ kind: "created", isSettled: true });
    expect(left()).toHaveLength(1);
  });

  it("is not asked for while nobody says what became of the volume", async () => {
    emulator.faults.add({ match: { action: "volume_create" }, kind: "fail_after_commit", answer: 500 });
    emulator.faults.add({ match: { action: "volume_list" }, kind: "fail_before_commit", answer: 503, times: Infinity });
    expect(await create("v1")).toMatchObject({ kind: "unknown", isSettled: false });
    expect(live()).toEqual([]);
  });

  it("goes with its volume where there is room for both, and leaves none behind", async () => {
    emulator.faults.add({ match: { action: "volume_create" }, kind: "capacity", error: "volume_no_capacity" });
    const first = await create("v1");
    expect(first).toMatchObject({ kind: "created", machine: { region: "ams" }, fullRegions: ["fra"] });
    const error = "volume_placement_capacity";
    emulator.faults.add({ match: { action: "machine_create" }, kind: "capacity", error });
    const outcome = await create("v2");
    expect(outcome).toMatchObject({ kind: "created", machine: { region: "ams" }, isSettled: true });
    expect(left().map((volume) => [volume["name"], volume["region"]])).toEqual([
      ["v1", "ams"],
      ["v2", "ams"],
    ]);
  });

  it("costs its volume by the hour, from its create to its end", async () => {
    const before = emulator.bill().volumes.gbHours;
    const outcome = await create("v1");
    const from = Date.now();
    await until("a moment has passed", () => Date.now() - from >= 200);
    const during = emulator.bill().volumes.gbHours;
    expect((during - before) * 3_600_000).toBeGreaterThanOrEqual(200);
    if (outcome.kind !== "created") throw new Error("It was not created.");
    await provider.destroyMachine(outcome.machine.machineId);
    await until("it is free", () => attachedTo(outcome.machine.volumeId) === null);
    await provider.deleteVolume(outcome.machine.volumeId ?? "");
    const after = emulator.bill().volumes.gbHours;
    const to = Date.now();
    await until("another moment has passed", () => Date.now() - to >= 200);
    expect(emulator.bill().volumes.gbHours).toBe(after);
  });
});
