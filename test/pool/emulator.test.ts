/** The pool's own client and steps against the Fly emulator: real names, real states, real refusals, real processes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startFlyEmulator, type FlyEmulator } from "../../dev/fly-emulator/index.js";
import { resumeMachine, suspendMachine } from "../../src/component/pool/power.js";
import { createMachine, destroyMachine } from "../../src/component/pool/steps.js";
import { flyProvider } from "../../src/component/providers/fly/client.js";
import type { MachineSpec, ObservedMachine, Provider } from "../../src/component/providers/provider.js";

const APP = "pool-app";
let emulator: FlyEmulator;
let provider: Provider;

beforeAll(async () => {
  emulator = await startFlyEmulator({
    images: {
      sleeper: { command: "sleep", args: ["600"] },
      stubborn: { command: "/bin/sh", args: ["-c", 'trap "" INT TERM; while :; do sleep 0.05; done'] },
      brief: { command: "true", args: [] },
    },
    rateLimits: false,
    paging: { shortPages: true },
    latencies: { create: 20, start: 20, destroy: 50, restart: 10, suspend: 10, resume: 10 },
    destroyedVisibleMs: 300,
  });
  provider = flyProvider({ baseUrl: emulator.url, appName: APP, token: emulator.token });
});
afterAll(async () => {
  await emulator.close();
});
afterEach(async () => {
  emulator.faults.clear();
  for (const { id, state } of emulator.machines()) if (state !== "destroyed") await provider.destroyMachine(id);
  await until("every machine is gone", () => live().length === 0);
});

const live = () => emulator.machines().filter(({ state }) => state !== "destroyed");

function spec(name: string, change: Partial<MachineSpec> = {}): MachineSpec {
  return {
    name,
    image: "sleeper",
    region: "fra",
    guest: { cpuKind: "shared", cpus: 1, memoryMb: 256 },
    environment: { COLOR: "green" },
    files: { "/run/credential": "one-time" },
    metadata: { pool: "p", worker: name },
    stopTimeoutSeconds: 1,
    ...change,
  };
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 400; look++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`It did not come true within ten seconds that ${what}.`);
}

async function running(name: string, change: Partial<MachineSpec> = {}): Promise<ObservedMachine> {
  const machine = await provider.createMachine(spec(name, change));
  await until("the machine runs", async () => (await provider.getMachine(machine.machineId))?.state === "running");
  return machine;
}

const soon = () => Date.now() + 20_000;
const create = async (name: string, change: Partial<MachineSpec> = {}) =>
  await createMachine(provider, ["fra", "ams"], (region) => spec(name, { ...change, region }), soon());

describe("a machine's life, through the client", () => {
  it("is made, seen, listed by its metadata, stopped, destroyed, and not found any more", async () => {
    const { machineId } = await running("w1");
    await running("other", { metadata: { pool: "another" } });
    expect(await provider.getMachine(machineId)).toMatchObject({
      name: "w1",
      region: "fra",
      metadata: { worker: "w1" },
    });
    expect((await provider.listMachines({ pool: "p" })).map(({ name }) => name)).toEqual(["w1"]);
    expect(await provider.listMachines({})).toHaveLength(2);
    await provider.stopMachine(machineId, { timeoutSeconds: 1 });
    expect(await provider.waitUntilStopped(machineId, 10)).toBe(true);
    expect((await provider.getMachine(machineId))?.state).toBe("halted");
    await provider.destroyMachine(machineId);
    await until("it is gone", async () => (await provider.getMachine(machineId)) === null);
    // First by its state, later because nobody knows it.
    await until("it is forgotten", () => emulator.machine(machineId) === undefined);
    expect(await provider.getMachine(machineId)).toBeNull();
    await provider.destroyMachine(machineId);
    await provider.stopMachine(machineId, { timeoutSeconds: 1 });
  });

  it("does not end in a wait that is too short", async () => {
    const { machineId } = await running("w1");
    expect(await provider.waitUntilStopped(machineId, 1)).toBe(false);
  });

  it("ends by itself when its process does, and is not started again", async () => {
    const { machineId } = await provider.createMachine(spec("w1", { image: "brief" }));
    await until("it has ended", async () => (await provider.getMachine(machineId))?.state === "halted");
  });

  it("carries its metadata also while its host is out of reach", async () => {
    const { machineId } = await running("w1");
    emulator.faults.add({ match: { machineId }, kind: "host_unreachable", times: Infinity });
    expect(await provider.getMachine(machineId)).toMatchObject({ metadata: { pool: "p", worker: "w1" } });
  });
});

describe("a machine that sleeps", () => {
  it("is frozen where it stands, and goes on as the same process", async () => {
    const { machineId } = await running("w1");
    const processId = emulator.machine(machineId)?.processId;
    expect(await suspendMachine(provider, machineId)).toBe(true);
    await until("it is frozen", async () => (await provider.getMachine(machineId))?.state === "suspended");
    expect(await resumeMachine(provider, machineId, soon())).toEqual({ kind: "started" });
    await until("it runs", async () => (await provider.getMachine(machineId))?.state === "running");
    expect(emulator.machine(machineId)?.processId).toBe(processId);
  });

  it("is started although it was only just being frozen, and although the answer was lost", async () => {
    const { machineId } = await running("w1");
    await suspendMachine(provider, machineId);
    emulator.faults.add({ match: { action: "machine_start" }, kind: "fail_after_commit", answer: "drop" });
    expect(await resumeMachine(provider, machineId, soon())).toEqual({ kind: "started" });
    await until("it runs", async () => (await provider.getMachine(machineId))?.state === "running");
  });

  it("cannot come back to a host that is full, nor from having been destroyed", async () => {
    const { machineId } = await running("w1");
    await suspendMachine(provider, machineId);
    await until("it is frozen", async () => (await provider.getMachine(machineId))?.state === "suspended");
    emulator.faults.add({ match: { action: "machine_start" }, kind: "capacity", error: "could_not_reserve" });
    expect(await resumeMachine(provider, machineId, soon())).toMatchObject({ kind: "refused" });
    await provider.destroyMachine(machineId);
    await until("it is forgotten", () => emulator.machine(machineId) === undefined);
    expect(await resumeMachine(provider, machineId, soon())).toEqual({ kind: "gone" });
  });
});

describe("creating", () => {
  it("under a name that is taken tells whose it is", async () => {
    const { machineId } = await running("w1");
    const refused = await provider.createMachine(spec("w1")).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: "name_taken", details: { status: 409, machineId } });
  });

  it.each([408, 500, 502, "drop"] as const)("adopts what was made although the answer was %s", async (answer) => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "fail_after_commit", answer });
    const outcome = await create("w1");
    expect(outcome).toMatchObject({ kind: "created", machine: { machineId: live()[0]?.id } });
    expect(live()).toHaveLength(1);
  });

  it.each([408, 500, "drop"] as const)("asks again when nothing was made and the answer was %s", async (answer) => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "fail_before_commit", answer });
    expect(await create("w1")).toMatchObject({ kind: "created" });
    expect(live()).toHaveLength(1);
  });

  it("adopts by name what no list shows yet", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "fail_after_commit", answer: 500 });
    emulator.faults.add({ match: { action: "machine_list" }, kind: "stale", ageMs: 60_000, times: Infinity });
    expect(await create("w1")).toMatchObject({ kind: "created", machine: { machineId: live()[0]?.id } });
    expect(live()).toHaveLength(1);
  });

  it("does not adopt somebody else's machine of that name", async () => {
    const { machineId } = await running("w1", { metadata: { pool: "another" } });
    expect(await create("w1")).toMatchObject({ kind: "unknown", error: { kind: "name_taken" } });
    expect(live().map(({ id }) => id)).toEqual([machineId]);
  });

  it("goes to the next region when one is full", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "capacity", error: "insufficient_capacity" });
    expect(await create("w1")).toMatchObject({ kind: "created", machine: { region: "ams" } });
  });

  it("waits while it is told to slow down", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "rate_limited", retryAfterSeconds: 1, times: 2 });
    expect(await create("w1")).toMatchObject({ kind: "created" });
  });

  it("stops at a token that was revoked", async () => {
    emulator.faults.add({ kind: "unauthorized", times: Infinity });
    expect(await create("w1")).toMatchObject({ kind: "failed", error: { kind: "unauthorized" } });
  });
});

describe("destroying", () => {
  const destroy = async (machineId: string, state: ObservedMachine["state"] | null = "running") =>
    await destroyMachine(provider, machineId, { state, isYoung: false, deadline: soon() });

  it("lets the process end first, and proves that the machine is gone", async () => {
    const { machineId } = await running("w1");
    expect(await destroy(machineId)).toBe(true);
    expect(live()).toEqual([]);
    expect(await destroy(machineId, null)).toBe(true);
  });

  it("does not need the process's consent", async () => {
    const { machineId } = await running("w1", { image: "stubborn", stopTimeoutSeconds: 30 });
    const processId = emulator.machine(machineId)?.processId;
    expect(await destroy(machineId)).toBe(true);
    expect(() => process.kill(processId ?? 0, 0)).toThrow();
  }, 60_000);

  it.each([500, 408, "drop"] as const)("is sure by a look when the answer was %s", async (answer) => {
    const { machineId } = await running("w1");
    emulator.faults.add({ match: { action: "machine_destroy" }, kind: "fail_after_commit", answer });
    expect(await destroy(machineId)).toBe(true);
  });

  it("is not sure when nothing happened, and is when it asks again", async () => {
    const { machineId } = await running("w1");
    emulator.faults.add({ match: { action: "machine_destroy" }, kind: "fail_before_commit", answer: 500 });
    await expect(destroy(machineId)).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await destroy(machineId, null)).toBe(true);
  });

  it("is not fooled by a state that nobody has heard of", async () => {
    const { machineId } = await running("w1");
    emulator.faults.add({ match: { machineId }, kind: "unknown_state", state: "hibernating", times: 2 });
    expect(await provider.getMachine(machineId)).toMatchObject({ state: "unknown" });
    expect(await destroy(machineId, "unknown")).toBe(true);
  });
});
