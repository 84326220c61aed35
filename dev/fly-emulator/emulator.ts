/** Puts the emulator together, starts it and ends it; what a test may look at and break stands here. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execRoute } from "./api/exec.js";
import { leaseRoutes } from "./api/leases.js";
import { machineListRoute } from "./api/machine-list.js";
import { machineRoutes } from "./api/machines.js";
import { metadataRoutes } from "./api/metadata.js";
import { ApiPipeline } from "./api/pipeline.js";
import { powerRoutes } from "./api/power.js";
import { RateLimiter } from "./api/rate-limits.js";
import { type Route, type Services } from "./api/route.js";
import { ApiServer } from "./api/server.js";
import { volumeRoutes } from "./api/volumes.js";
import { waitRoute } from "./api/wait.js";
import { BillingMeter, type Bill } from "./billing/meter.js";
import { FaultRegistry } from "./faults/registry.js";
import { Booter } from "./machines/boot.js";
import { MachineLifecycle } from "./machines/lifecycle.js";
import { Reaper } from "./machines/reaper.js";
import { RootDirectories } from "./machines/root-directory.js";
import { MachineSteps } from "./machines/steps.js";
import { VolumeRemoval } from "./machines/volume-removal.js";
import { copyJson, type JsonObject } from "./model/json.js";
import { machineView, type MachineRecord, type MachineState } from "./model/machine.js";
import { seededRandom } from "./model/random.js";
import { volumeView } from "./model/volume.js";
import { World } from "./model/world.js";
import {
  DEFAULT_DESTROYED_VISIBLE_MS,
  DEFAULT_HOSTS,
  DEFAULT_LATENCIES,
  DEFAULT_LOG_BYTES,
  DEFAULT_PAGING,
  DEFAULT_PENDING_DESTROY_MS,
  DEFAULT_RATE_LIMITS,
  DEFAULT_RECORDED_REQUESTS,
  findImage,
  type FlyEmulatorOptions,
} from "./options.js";
import { StateFile } from "./persistence.js";
import { Recorder } from "./recorder.js";

/** One machine as a test sees it from behind the API. */
export interface InspectedMachine {
  readonly app: string;
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly hostId: string;
  readonly state: MachineState;
  readonly rootDirectory: string;
  /** Absent while no process runs. It is also the id of the process group. */
  readonly processId: number | undefined;
  /** The JSON of the API. */
  readonly view: JsonObject;
}

export interface FlyEmulator {
  /** The base URL of the API, ending in `/v1`. */
  readonly url: string;
  readonly token: string;
  readonly dataDirectory: string;
  readonly faults: FaultRegistry;
  readonly recorder: Recorder;
  /** Every endpoint it has, as in `GET /apps/{app_name}/machines`. */
  readonly endpoints: readonly string[];
  /** Every machine of every app in the order of creation, destroyed ones while they still answer. */
  machines(): InspectedMachine[];
  machine(machineId: string): InspectedMachine | undefined;
  /** Every volume as the API shows it. */
  volumes(): JsonObject[];
  volumeDirectory(volumeId: string): string;
  /** The machine's last output, standard output and error together. */
  logs(machineId: string): string;
  /** What Fly would have charged since the start. */
  bill(): Bill;
  /** Kills a machine's processes behind the API's back. Returns false when none runs. */
  crash(machineId: string): boolean;
  /** Freezes (or lets go on) a machine's processes while the API still shows it as started. */
  setFrozen(machineId: string, frozen: boolean): boolean;
  /** Ends every machine's processes and the server; removes what it wrote unless it was told to persist. */
  close(): Promise<void>;
}

/**
 * Starts an emulator on loopback. Rejects when the port is taken, or when the data directory holds something else.
 *
 * @example
 * const emulator = await startFlyEmulator({
 *   images: { "registry.fly.io/worker": { command: process.execPath, args: ["/absolute/path/to/main.js"] } },
 * });
 * emulator.faults.add({ match: { action: "machine_create" }, kind: "fail_after_commit", answer: "drop" });
 */
export async function startFlyEmulator(options: FlyEmulatorOptions): Promise<FlyEmulator> {
  const temporary = options.dataDirectory === undefined;
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "fly-emulator-"));
  const now = options.now ?? Date.now;
  const hosts = options.hosts ?? DEFAULT_HOSTS;
  const world = new World(hosts, now);
  const random = seededRandom(options.seed ?? 1);
  const stateFile = new StateFile(dataDirectory, world);
  stateFile.claim(options.persist === true);

  const meter = new BillingMeter(
    now,
    (machine) => findImage(options.images, machine.configuration.image)?.rootfsGb ?? 1,
  );
  const directories = new RootDirectories(dataDirectory);
  const removal = new VolumeRemoval(world, directories, options.pendingDestroyMs ?? DEFAULT_PENDING_DESTROY_MS);
  world.onChange((change) => {
    if (change.kind === "machine") meter.machineChanged(change.machine);
    else meter.volumeChanged(change.volume);
    if (options.persist === true) stateFile.schedule();
  });
  if (options.persist === true) stateFile.load();

  const reaper = new Reaper();
  const booter = new Booter(options.images, directories, reaper);
  const steps = new MachineSteps({
    world,
    booter,
    directories,
    random,
    latencies: { ...DEFAULT_LATENCIES, ...options.latencies },
    logBytes: options.logBytes ?? DEFAULT_LOG_BYTES,
    destroyedVisibleMs: options.destroyedVisibleMs ?? DEFAULT_DESTROYED_VISIBLE_MS,
  });
  const services: Services = {
    world,
    steps,
    booter,
    directories,
    random,
    lifecycle: new MachineLifecycle(world, steps),
    images: options.images,
    defaultRegion: options.defaultRegion ?? hosts[0]?.region ?? "iad",
    paging: { ...DEFAULT_PAGING, ...options.paging },
    leaseBody: options.leaseBody ?? "data",
  };
  const token = options.token ?? `fly-emulator-${randomBytes(16).toString("hex")}`;
  const faults = new FaultRegistry(random);
  const recorder = new Recorder(options.recordedRequests ?? DEFAULT_RECORDED_REQUESTS);
  const limits = options.rateLimits === false ? undefined : { ...DEFAULT_RATE_LIMITS, ...options.rateLimits };
  const limiter = new RateLimiter(limits, now);
  const routes = routesOf(services);
  const pipeline = new ApiPipeline({
    routes,
    world,
    token,
    apps: options.apps,
    limiter,
    faults,
    recorder,
  });
  const server = new ApiServer(pipeline);

  const shutDown = async (): Promise<void> => {
    await server.close();
    removal.close();
    await steps.close();
    await reaper.close();
    if (options.persist === true) stateFile.save();
    else stateFile.clear();
    if (temporary) rmSync(dataDirectory, { recursive: true, force: true });
  };
  const url = await server.listen(options.port ?? 0).catch(async (error: unknown) => {
    await shutDown();
    throw error;
  });

  const inspect = (machine: MachineRecord): InspectedMachine => {
    const { app, id, name, region, hostId, state } = machine;
    const process = steps.runtimeOf(machine).process;
    const processId = process?.alive === true ? process.processId : undefined;
    return {
      app,
      id,
      name,
      region,
      hostId,
      state,
      rootDirectory: directories.rootOf(id),
      processId,
      view: machineView(machine),
    };
  };
  const processOf = (machineId: string) => {
    const machine = world.machines.get(machineId);
    return machine === undefined ? undefined : steps.runtimeOf(machine).process;
  };
  let closing: Promise<void> | undefined;
  return {
    url,
    token,
    dataDirectory,
    faults,
    recorder,
    endpoints: routes.map((route) => `${route.method} ${route.template}`),
    machines: () => [...world.machines.values()].sort((a, b) => a.sequence - b.sequence).map(inspect),
    machine(machineId) {
      const machine = world.machines.get(machineId);
      return machine === undefined ? undefined : inspect(machine);
    },
    volumes: () => [...world.volumes.values()].map((volume) => copyJson(volumeView(volume))),
    volumeDirectory: (volumeId) => directories.volumeDirectoryOf(volumeId),
    logs(machineId) {
      const machine = world.machines.get(machineId);
      return machine === undefined ? "" : steps.runtimeOf(machine).log.text();
    },
    bill: () => meter.bill(),
    crash(machineId) {
      const process = processOf(machineId);
      process?.crash();
      return process !== undefined;
    },
    setFrozen(machineId, frozen) {
      const process = processOf(machineId);
      if (frozen) process?.freeze();
      else process?.thaw();
      return process !== undefined;
    },
    close: () => (closing ??= shutDown()),
  };
}

function routesOf(services: Services): Route[] {
  return [
    machineListRoute(services),
    ...machineRoutes(services),
    ...powerRoutes(services),
    waitRoute(services),
    execRoute(services),
    ...leaseRoutes(services),
    ...metadataRoutes(services),
    ...volumeRoutes(services),
  ];
}
