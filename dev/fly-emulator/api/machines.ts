/** Creating, reading, updating and destroying machines. */
import { ApiError, CAPACITY_ERRORS, concurrentUpdate, invalidArgument, nameTaken, notFound } from "../model/errors.js";
import { readConfiguration, type MachineConfiguration } from "../model/configuration.js";
import { generatedName, machineId, privateAddress, ulid } from "../model/identifiers.js";
import { copyJson, isJsonObject, type JsonObject } from "../model/json.js";
import { machineView, type MachineRecord } from "../model/machine.js";
import { fitsOnItsHost, hostsOf, placeMachine } from "../model/placement.js";
import { type VolumeRecord } from "../model/volume.js";
import { findImage } from "../options.js";
import { acquireLease, readTtl } from "./leases.js";
import { MACHINE, MACHINES, ok, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";
import { getView } from "./views.js";

const DEFAULT_EVENTS = 20;
const MAX_EVENTS = 50;

export function machineRoutes(services: Services): Route[] {
  const { world, lifecycle } = services;
  return [
    {
      method: "POST",
      template: MACHINES,
      action: "machine_create",
      scope: "app",
      handle: (request) => create(services, request),
    },
    {
      method: "GET",
      template: MACHINE,
      action: "machine_get",
      scope: "machine",
      handle: (request) => ok(getView(world, request.app, idOf(request), request.faults)),
    },
    {
      method: "POST",
      template: MACHINE,
      action: "machine_update",
      scope: "machine",
      leased: true,
      handle: (request) => update(services, request),
    },
    {
      method: "DELETE",
      template: MACHINE,
      action: "machine_destroy",
      scope: "machine",
      leased: true,
      handle(request) {
        const machine = world.machineOf(request.app, idOf(request));
        if (machine.state === "destroyed") throw notFound("machine");
        // flyctl says `kill` where the documentation says `force`.
        const force = request.query.get("force") === "true" || request.query.get("kill") === "true";
        lifecycle.destroy(machine, force);
        return ok();
      },
    },
    {
      method: "GET",
      template: `${MACHINE}/events`,
      action: "machine_events",
      scope: "machine",
      handle(request) {
        const limit = Number(request.query.get("limit") ?? DEFAULT_EVENTS);
        if (!Number.isInteger(limit) || limit < 1 || limit > MAX_EVENTS) {
          throw invalidArgument(`limit must be between 1 and ${MAX_EVENTS}`);
        }
        return ok(copyJson(world.machineOf(request.app, idOf(request)).events.slice(0, limit)));
      },
    },
  ];
}

const idOf = (request: ApiRequest): string => request.parameters.machine_id ?? "";

/** One synchronous step from the look at the name to the new machine: that is what makes a name unique. */
function create(services: Services, { app, body, faults }: ApiRequest): ApiResponse {
  const { world } = services;
  const { name = generatedName() } = body;
  if (typeof name !== "string" || name === "") throw invalidArgument("name must be a string that is not empty");
  const configuration = readConfigurationWithImage(services, body);
  const leaseTtl = readTtl(body.lease_ttl);
  const holder = world.liveMachineNamed(app, name);
  if (holder !== undefined) throw nameTaken(holder.id, name);
  const volume = volumeFor(services, app, configuration);
  const machine = makeMachine(app, name, configuration, body.config, {
    ...place(services, body, configuration, volume),
    sequence: world.nextSequence(),
    now: world.now(),
  });
  machine.cordoned = body.skip_service_registration === true;
  if (volume !== undefined) {
    volume.attachedMachineId = machine.id;
    world.changedVolume(volume);
  }
  world.addMachine(machine, { type: "launch", source: "user" });
  const nonce = leaseTtl === undefined ? undefined : acquireLease(world, machine, leaseTtl).nonce;
  services.lifecycle.launch(machine, body.skip_launch === true, {
    stuck: faults.some((fault) => fault.kind === "stuck"),
    fails: faults.some((fault) => fault.kind === "launch_failed"),
  });
  return ok({ ...machineView(machine), ...(nonce === undefined ? {} : { nonce }) });
}

function update(services: Services, request: ApiRequest): ApiResponse {
  const { body } = request;
  const machine = services.world.machineOf(request.app, idOf(request));
  if (machine.state === "destroyed") throw notFound("machine");
  const configuration = readConfigurationWithImage(services, body);
  const version = body.current_version;
  if (version !== undefined && version !== null && version !== "" && version !== machine.instanceId) {
    throw concurrentUpdate();
  }
  if (typeof body.region === "string" && body.region !== machine.region) throw invalidArgument("region is immutable");
  if (typeof body.name === "string" && body.name !== machine.name) throw invalidArgument("name is immutable");
  if (configuration.mount?.volume !== machine.configuration.mount?.volume) {
    throw invalidArgument("the volume of a machine cannot be changed");
  }
  const skipLaunch = body.skip_launch === true;
  if (!skipLaunch && !fitsOnItsHost(services.world, machine, configuration.guest.memoryMb)) {
    throw CAPACITY_ERRORS.could_not_reserve();
  }
  services.lifecycle.update(machine, objectOf(body.config), configuration, skipLaunch);
  return ok(machineView(machine));
}

function readConfigurationWithImage(services: Services, body: JsonObject): MachineConfiguration {
  const configuration = readConfiguration(body.config);
  if (findImage(services.images, configuration.image) === undefined) {
    throw invalidArgument(`could not resolve image "${configuration.image}": MANIFEST_UNKNOWN: manifest unknown`);
  }
  return configuration;
}

/** The volume a configuration mounts; throws when it cannot be attached. */
function volumeFor(services: Services, app: string, configuration: MachineConfiguration): VolumeRecord | undefined {
  if (configuration.mount === undefined) return undefined;
  const volume = services.world.volumeOf(app, configuration.mount.volume);
  if (volume.state !== "created") throw invalidArgument(`volume ${volume.id} is being destroyed`);
  if (volume.attachedMachineId !== undefined) {
    throw new ApiError(409, `volume ${volume.id} already attached to machine ${volume.attachedMachineId}`);
  }
  return volume;
}

function place(
  { world, defaultRegion }: Services,
  body: JsonObject,
  { guest }: MachineConfiguration,
  volume: VolumeRecord | undefined,
): { region: string; hostId: string } {
  const region = typeof body.region === "string" && body.region !== "" ? body.region : undefined;
  if (volume === undefined) {
    const host = placeMachine(world, region ?? defaultRegion, guest.memoryMb);
    if (host === undefined) throw CAPACITY_ERRORS.insufficient_capacity(region ?? defaultRegion);
    return { region: host.region, hostId: host.id };
  }
  if (region !== undefined && region !== volume.region) {
    hostsOf(world, region);
    throw invalidArgument(`volume ${volume.id} is in region ${volume.region}, the machine was asked for in ${region}`);
  }
  if (!fitsOnItsHost(world, { hostId: volume.hostId }, guest.memoryMb)) {
    throw CAPACITY_ERRORS.volume_placement_capacity(volume.id);
  }
  return { region: volume.region, hostId: volume.hostId };
}

function makeMachine(
  app: string,
  name: string,
  configuration: MachineConfiguration,
  config: JsonObject[string],
  where: { region: string; hostId: string; sequence: number; now: number },
): MachineRecord {
  return {
    app,
    id: machineId(),
    name,
    region: where.region,
    hostId: where.hostId,
    sequence: where.sequence,
    privateIp: privateAddress(),
    createdAt: where.now,
    updatedAt: where.now,
    state: "created",
    instanceId: ulid(),
    replacedInstanceIds: [],
    config: copyJson(objectOf(config)),
    configuration,
    cordoned: false,
    events: [],
  };
}

/** `readConfiguration` has already refused everything that is no object. */
const objectOf = (config: JsonObject[string]): JsonObject => (isJsonObject(config) ? config : {});
