/** The two steps that can go wrong halfway, against a provider that answers by script. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ProviderError,
  type MachineState,
  type ObservedMachine,
  type ObservedVolume,
  type ProviderErrorKind,
} from "../providers/provider.js";
import type { MachineSpec, Provider } from "../providers/provider.js";
import { createMachine, destroyMachine } from "./steps.js";

const METADATA = { "agent-factory-worker": "w" };
const spec = (region: string): MachineSpec => ({
  name: "default-w-g1",
  image: "image",
  region,
  guest: { cpuKind: "shared", cpus: 1, memoryMb: 256 },
  environment: {},
  files: {},
  metadata: METADATA,
  stopTimeoutSeconds: 1,
});
const machine = (change: Partial<ObservedMachine> = {}): ObservedMachine => ({
  machineId: "m",
  name: "default-w-g1",
  region: "fra",
  state: "running",
  metadata: METADATA,
  createdAt: 1,
  ...change,
});
const volume = (change: Partial<ObservedVolume> = {}): ObservedVolume => ({
  volumeId: "vol",
  name: "data_tag_w",
  region: "fra",
  state: "ready",
  attachedMachineId: null,
  createdAt: 1,
  ...change,
});
const error = (kind: ProviderErrorKind, more: { retryAfterMs?: number; machineId?: string } = {}) =>
  new ProviderError(kind, kind, { status: 500, requestId: null, ...more });

/** Each call takes the next answer of its script; the last one stays. */
type Script = { [Name in keyof Provider]?: (ProviderError | Awaited<ReturnType<Provider[Name]>>)[] };

function scripted(script: Script): { provider: Provider; calls: string[] } {
  const calls: string[] = [];
  const next = async <T>(name: keyof Provider, about: string, otherwise: T): Promise<T> => {
    calls.push(about === "" ? name : `${name} ${about}`);
    const answers = (script[name] ?? []) as (ProviderError | T)[];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof ProviderError) throw answer;
    return answer === undefined ? otherwise : answer;
  };
  const provider: Provider = {
    createMachine: async ({ region }) => await next("createMachine", region, machine({ region })),
    listMachines: async () => await next("listMachines", "", []),
    getMachine: async (id) => await next("getMachine", id, null),
    suspendMachine: async () => await next("suspendMachine", "", undefined),
    startMachine: async () => await next("startMachine", "", undefined),
    stopMachine: async () => await next("stopMachine", "", undefined),
    waitUntilStopped: async () => await next("waitUntilStopped", "", true),
    destroyMachine: async () => await next("destroyMachine", "", undefined),
    createVolume: async ({ region }) => await next("createVolume", region, volume({ region })),
    getVolume: async (id) => await next("getVolume", id, null),
    listVolumes: async () => await next("listVolumes", "", []),
    deleteVolume: async () => await next("deleteVolume", "", { status: 200, message: "" }),
  };
  return { provider, calls };
}

async function finished<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(5 * 60_000);
  return await work;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("createMachine", () => {
  const create = async (script: Script, { regions = ["fra", "ams"], withinMs = 45_000 } = {}) => {
    const { provider, calls } = scripted(script);
    const outcome = await finished(createMachine(provider, regions, spec, Date.now() + withinMs));
    return { outcome, calls };
  };

  it("takes the first region that has room", async () => {
    const { outcome, calls } = await create({ createMachine: [error("no_capacity"), machine({ region: "ams" })] });
    expect(outcome).toEqual({ kind: "created", machine: machine({ region: "ams" }), fullRegions: ["fra"] });
    expect(calls).toEqual(["createMachine fra", "createMachine ams"]);
  });

  it("fails for certain when no region has room", async () => {
    const { outcome, calls } = await create({ createMachine: [error("no_capacity")] });
    expect(outcome).toMatchObject({ kind: "failed", error: { kind: "no_capacity" } });
    expect(calls).toEqual(["createMachine fra", "createMachine ams"]);
  });

  it.each<ProviderErrorKind>(["rejected", "unauthorized", "not_found"])("does not repeat what is %s", async (kind) => {
    const { outcome, calls } = await create({ createMachine: [error(kind)] });
    expect(outcome).toMatchObject({ kind: "failed", error: { kind } });
    expect(calls).toEqual(["createMachine fra"]);
  });

  it("waits while the provider is busy, as long as it asks for, and gives up after five tries", async () => {
    const startedAt = Date.now();
    const { provider, calls } = scripted({ createMachine: [error("busy", { retryAfterMs: 4_000 }), error("busy")] });
    const outcome = await finished(createMachine(provider, ["fra"], spec, startedAt + 45_000));
    expect(outcome).toMatchObject({ kind: "failed", error: { kind: "busy" } });
    expect(calls).toHaveLength(5);
  });

  it("looks before it asks again, and the same name cannot make two", async () => {
    const { outcome, calls } = await create({
      createMachine: [error("ambiguous"), error("name_taken", { machineId: "m7" })],
      getMachine: [machine({ machineId: "m7" })],
    });
    expect(outcome).toMatchObject({ kind: "created", machine: { machineId: "m7" } });
    expect(calls).toEqual(["createMachine fra", "listMachines", "createMachine fra", "getMachine m7"]);
  });

  it("finds what an unanswered create has made", async () => {
    const { outcome, calls } = await create({ createMachine: [error("ambiguous")], listMachines: [[machine()]] });
    expect(outcome).toMatchObject({ kind: "created", machine: { machineId: "m" } });
    expect(calls).toEqual(["createMachine fra", "listMachines"]);
  });

  it.each<[string, ObservedMachine]>([
    ["somebody else's", machine({ metadata: { "agent-factory-worker": "other" } })],
    ["of another name", machine({ name: "default-w-g2" })],
    ["gone", machine({ state: "gone" })],
  ])("does not adopt a machine that is %s", async (_what, other) => {
    const { outcome } = await create({
      createMachine: [error("name_taken", { machineId: "m" })],
      getMachine: [other],
      listMachines: [[other]],
    });
    expect(outcome).toMatchObject({ kind: "unknown", error: { kind: "name_taken" } });
  });

  it("does not know, when nobody can say: not after a refusal that followed either", async () => {
    const silent = await create({ createMachine: [error("ambiguous")], listMachines: [error("busy")] });
    expect(silent.outcome).toMatchObject({ kind: "unknown" });
    expect(silent.calls.filter((call) => call.startsWith("create"))).toHaveLength(3);
    const refused = await create({ createMachine: [error("ambiguous"), error("no_capacity")] });
    expect(refused.outcome).toMatchObject({ kind: "unknown", error: { kind: "no_capacity" } });
  });

  it("tries nothing new after its deadline, but tries once", async () => {
    const { outcome, calls } = await create({ createMachine: [error("busy")] }, { withinMs: -1 });
    expect(outcome).toMatchObject({ kind: "failed" });
    expect(calls).toEqual(["createMachine fra"]);
  });
});

describe("destroyMachine", () => {
  const destroy = async (script: Script, state: MachineState | null, isYoung = false) => {
    const { provider, calls } = scripted(script);
    const work = destroyMachine(provider, "m", { state, isYoung, deadline: Date.now() + 45_000 });
    return { isGone: await finished(work), calls };
  };

  it("lets a process that runs say goodbye first", async () => {
    const { isGone, calls } = await destroy({}, "running");
    expect(isGone).toBe(true);
    expect(calls).toEqual(["stopMachine", "waitUntilStopped", "destroyMachine", "getMachine m"]);
  });

  it.each<MachineState>(["halted", "booting", "unknown"])(
    "asks at once for the end of one that is %s",
    async (state) => {
      expect(await destroy({}, state)).toEqual({ isGone: true, calls: ["destroyMachine", "getMachine m"] });
    },
  );

  it.each<MachineState>(["leaving", "gone"])("only looks after one that is %s", async (state) => {
    expect(await destroy({}, state)).toEqual({ isGone: true, calls: ["getMachine m"] });
  });

  it("looks first when nobody has seen the machine", async () => {
    expect(await destroy({}, null)).toEqual({ isGone: true, calls: ["getMachine m"] });
    const seen = await destroy({ getMachine: [machine({ state: "halted" }), null] }, null);
    expect(seen).toEqual({ isGone: true, calls: ["getMachine m", "destroyMachine", "getMachine m"] });
  });

  it("takes not finding a young machine for no proof", async () => {
    expect(await destroy({}, null, true)).toEqual({ isGone: false, calls: ["getMachine m", "destroyMachine"] });
  });

  it("destroys although the goodbye fails", async () => {
    const { isGone, calls } = await destroy({ stopMachine: [error("ambiguous")] }, "running");
    expect(isGone).toBe(true);
    expect(calls).toEqual(["stopMachine", "destroyMachine", "getMachine m"]);
  });

  it("does not wait for ever for the proof", async () => {
    const { isGone, calls } = await destroy({ getMachine: [machine({ state: "leaving" })] }, "halted");
    expect(isGone).toBe(false);
    expect(calls).toHaveLength(6);
  });

  it("looks when the answer leaves it open, and believes what it sees", async () => {
    expect(await destroy({ destroyMachine: [error("ambiguous")] }, "halted")).toMatchObject({ isGone: true });
    const there = { destroyMachine: [error("ambiguous")], getMachine: [machine()] };
    await expect(destroy(there, "halted")).rejects.toMatchObject({ kind: "ambiguous" });
  });

  it("goes on looking when a look fails, and says so when all of them do", async () => {
    expect(await destroy({ getMachine: [error("busy"), null] }, "halted")).toMatchObject({ isGone: true });
    await expect(destroy({ getMachine: [error("busy")] }, "halted")).rejects.toMatchObject({ kind: "busy" });
    await expect(destroy({ getMachine: [error("busy")] }, null)).rejects.toMatchObject({ kind: "busy" });
  });

  it("stops at what will not be different in a moment", async () => {
    await expect(destroy({ destroyMachine: [error("unauthorized")] }, "halted")).rejects.toThrow(ProviderError);
    const { provider, calls } = scripted({ destroyMachine: [error("unauthorized")] });
    const knowledge = { state: "halted" as const, isYoung: false, deadline: Date.now() + 45_000 };
    await expect(finished(destroyMachine(provider, "m", knowledge))).rejects.toThrow(ProviderError);
    expect(calls).toEqual(["destroyMachine"]);
  });
});
