/** Uses every endpoint of the emulator, and everything of the product's own client, so that both get recorded. */
import { flyProvider } from "../../../src/component/providers/fly/client.js";
import type { MachineState, Provider } from "../../../src/component/providers/provider.js";
import { type FlyEmulator } from "../index.js";
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from "../model/json.js";

/** The image the scenario's machines run. */
export const SCENARIO_IMAGE = "registry.fly.io/check:v1";
const APP = "check-app";
const NONCE_HEADER = "fly-machine-lease-nonce";
const CALL_TIMEOUT_MS = 30_000;

type Call = (method: string, path: string, body?: JsonValue, headers?: Record<string, string>) => Promise<JsonObject>;

/** Throws when a step does not work: then the scenario says nothing about what it did not reach. */
export async function useEverything(emulator: FlyEmulator): Promise<void> {
  const call = caller(emulator);
  await useVolumes(call);
  await useMachine(call, emulator);
  await useRefusals(call);
  await useProductClient(emulator);
}

function caller(emulator: FlyEmulator): Call {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${emulator.url}/apps/${APP}${path}`, {
      method,
      headers: { authorization: `Bearer ${emulator.token}`, ...headers },
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed = text === "" ? {} : parseJson(text);
    return { ...(isJsonObject(parsed) ? parsed : { list: parsed }), httpStatus: response.status };
  };
}

async function useVolumes(call: Call): Promise<void> {
  const volume = await call("POST", "/volumes", {
    name: "check",
    region: "iad",
    size_gb: 1,
    snapshot_retention: 1,
    auto_backup_enabled: false,
    encrypted: true,
    fstype: "ext4",
    require_unique_zone: true,
    compute: { cpu_kind: "shared", cpus: 1, memory_mb: 256 },
  });
  const path = `/volumes/${idOf(volume)}`;
  await succeed(call, [
    ["GET", "/volumes"],
    ["GET", path],
    ["PUT", path, { snapshot_retention: 2, auto_backup_enabled: true }],
    ["PUT", `${path}/extend`, { size_gb: 2 }],
  ]);
  const config = { image: SCENARIO_IMAGE, mounts: [{ volume: idOf(volume), path: "/data" }] };
  const machine = `/machines/${idOf(await call("POST", "/machines", { config, skip_launch: true }))}`;
  await succeed(call, [
    ["GET", path],
    ["DELETE", `${machine}?force=true`],
    ["GET", `${machine}/wait?state=destroyed&timeout=20`],
    ["DELETE", path],
  ]);
}

async function useMachine(call: Call, emulator: FlyEmulator): Promise<void> {
  const config = {
    image: SCENARIO_IMAGE,
    env: { A: "1" },
    metadata: { owner: "check" },
    auto_destroy: false,
    guest: { cpu_kind: "shared", cpus: 1, memory_mb: 256 },
    restart: { policy: "on-failure", max_retries: 3 },
    stop_config: { signal: "SIGTERM", timeout: "10s" },
    files: [{ guest_path: "/etc/greeting", raw_value: "aGVsbG8=" }],
  };
  const created = await call("POST", "/machines", { name: "check", region: "iad", config });
  const machine = `/machines/${idOf(created)}`;
  const reaches = (state: string): Step => ["GET", `${machine}/wait?state=${state}&timeout=20`];
  await succeed(call, [
    reaches("started"),
    ["GET", machine],
    ["GET", "/machines?metadata.owner=check&state=started&region=iad&include_deleted=true&limit=10"],
    ["GET", "/machines?summary=true"],
    ["GET", `${machine}/events?limit=5`],
    ["POST", `${machine}/exec`, { command: ["cat", "etc/greeting"], timeout: 10 }],
    ["POST", `${machine}/metadata/key`, { value: "v" }],
    ["GET", `${machine}/metadata`],
    ["GET", `${machine}/metadata/key`],
    ["DELETE", `${machine}/metadata/key`],
    ["PATCH", `${machine}/metadata`, { metadata: { more: "1" } }],
    ["PUT", `${machine}/metadata`, { metadata: { owner: "check" } }],
    ["POST", `${machine}/cordon`],
    ["POST", `${machine}/uncordon`],
    ["POST", `${machine}/suspend`],
    reaches("suspended"),
    ["POST", `${machine}/start`],
    reaches("started"),
    ["POST", `${machine}/signal`, { signal: "SIGUSR1" }],
    reaches("settled"),
    ["POST", `${machine}/restart?timeout=10s&signal=SIGTERM`],
    reaches("started"),
    ["POST", machine, { config: { ...config, env: { A: "2" } } }],
    reaches("started"),
    ["POST", `${machine}/stop`, { signal: "SIGTERM", timeout: "10s" }],
    reaches("stopped"),
  ]);
  const lease = await call("POST", `${machine}/lease`, { ttl: 30, description: "check" });
  const nonce = isJsonObject(lease.data) ? lease.data.nonce : undefined;
  if (typeof nonce !== "string") throw new Error("The lease has no nonce.");
  await succeed(call, [
    ["GET", `${machine}/lease`],
    ["DELETE", `${machine}/lease`, undefined, { [NONCE_HEADER]: nonce }],
  ]);
  emulator.faults.add({ match: { machineId: idOf(created) }, kind: "host_unreachable" });
  await succeed(call, [
    ["GET", machine],
    ["DELETE", machine],
  ]);
}

/** What the API says when it says no. */
async function useRefusals(call: Call): Promise<void> {
  const config = { image: SCENARIO_IMAGE };
  const machine = await call("POST", "/machines", { name: "taken", config, skip_launch: true });
  const path = `/machines/${idOf(machine)}`;
  await call("POST", "/machines", { name: "taken", config });
  await call("POST", "/machines", { name: "huge", config: { ...config, guest: { cpus: 1, memory_mb: 1_048_576 } } });
  await call("GET", "/machines/00000000000000");
  await call("GET", `${path}/wait?state=stopped&timeout=1`);
  await call("GET", `${path}/lease`);
  await succeed(call, [["DELETE", path]]);
}

/** The calls the product makes, exactly as it makes them. */
async function useProductClient(emulator: FlyEmulator): Promise<void> {
  const provider = flyProvider({ baseUrl: emulator.url, appName: APP, token: emulator.token });
  const metadata = { pool: "check" };
  const guest = { cpuKind: "shared", cpus: 1, memoryMb: 256 } as const;
  const { volumeId, region } = await provider.createVolume({ name: "product", region: "iad", sizeGb: 1, guest });
  const machine = await provider.createMachine({
    name: "product",
    image: SCENARIO_IMAGE,
    region,
    guest,
    volume: { volumeId, path: "/data" },
    environment: { A: "1" },
    files: { "/run/credential": "not a secret" },
    metadata,
    stopTimeoutSeconds: 10,
  });
  const listed = await provider.listMachines(metadata);
  if (listed.length !== 1) throw new Error(`The product's client lists ${listed.length} machines instead of 1.`);
  if ((await provider.getMachine(machine.machineId)) === null)
    throw new Error("The product's client finds no machine.");
  await until(provider, machine.machineId, "running");
  await provider.suspendMachine(machine.machineId);
  await until(provider, machine.machineId, "suspended");
  await provider.startMachine(machine.machineId);
  await until(provider, machine.machineId, "running");
  await provider.stopMachine(machine.machineId, { timeoutSeconds: 10 });
  if (!(await provider.waitUntilStopped(machine.machineId, 20))) throw new Error("The machine did not stop.");
  await provider.destroyMachine(machine.machineId);
  for (let attempt = 0; (await provider.getVolume(volumeId))?.attachedMachineId !== null; attempt++) {
    if (attempt === 200) throw new Error("The volume of a machine that is gone was still attached after 200 looks.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (!(await provider.listVolumes()).some((volume) => volume.volumeId === volumeId)) {
    throw new Error("The product's client does not list its volume.");
  }
  await provider.deleteVolume(volumeId);
}

async function until(provider: Provider, machineId: string, state: MachineState): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((await provider.getMachine(machineId))?.state === state) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The machine did not become ${state} in 200 looks.`);
}

type Step = [method: string, path: string, body?: JsonValue | undefined, headers?: Record<string, string>];

async function succeed(call: Call, steps: readonly Step[]): Promise<void> {
  for (const [method, path, body, headers] of steps) {
    const answer = await call(method, path, body, headers);
    if (Number(answer.httpStatus) >= 400) throw new Error(`${method} ${path} answered ${JSON.stringify(answer)}`);
  }
}

function idOf(answer: JsonObject): string {
  if (typeof answer.id !== "string") throw new Error(`There is no id in ${JSON.stringify(answer)}`);
  return answer.id;
}
