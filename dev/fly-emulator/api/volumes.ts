/** Volumes: created on a host, attached to one machine at a time, and kept a while after they were deleted. */
import { CAPACITY_ERRORS, failedPrecondition, invalidArgument } from "../model/errors.js";
import { volumeId } from "../model/identifiers.js";
import { isJsonObject, type JsonObject, type JsonValue } from "../model/json.js";
import { freeVolumeGb, placeVolume } from "../model/placement.js";
import { volumeView, type VolumeRecord } from "../model/volume.js";
import { ok, VOLUME, VOLUMES, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";
import { getVolumeView, listVolumeViews } from "./views.js";

/** Fly's default size in GB. */
const DEFAULT_SIZE_GB = 3;
const DEFAULT_RETENTION_DAYS = 5;
const MAX_RETENTION_DAYS = 60;
const MAX_SIZE_GB = 500;

export function volumeRoutes(services: Services): Route[] {
  const { world } = services;
  const volumeOf = (request: ApiRequest): VolumeRecord =>
    world.volumeOf(request.app, request.parameters.volume_id ?? "");
  return [
    {
      method: "POST",
      template: VOLUMES,
      action: "volume_create",
      scope: "app",
      handle: (request) => create(services, request),
    },
    {
      method: "GET",
      template: VOLUMES,
      action: "volume_list",
      scope: "app",
      handle: (request) => ok(listVolumeViews(world, request.app, request.faults)),
    },
    {
      method: "GET",
      template: VOLUME,
      action: "volume_get",
      scope: "volume",
      handle: (request) => ok(getVolumeView(world, request.app, request.parameters.volume_id ?? "", request.faults)),
    },
    {
      method: "PUT",
      template: VOLUME,
      action: "volume_update",
      scope: "volume",
      handle(request) {
        const volume = volumeOf(request);
        volume.snapshotRetention = readRetention(request.body.snapshot_retention, volume.snapshotRetention);
        if (typeof request.body.auto_backup_enabled === "boolean") {
          volume.autoBackupEnabled = request.body.auto_backup_enabled;
        }
        world.changedVolume(volume);
        return ok(volumeView(volume));
      },
    },
    {
      method: "PUT",
      template: `${VOLUME}/extend`,
      action: "volume_extend",
      scope: "volume",
      handle: (request) => extend(services, volumeOf(request), request.body),
    },
    {
      method: "DELETE",
      template: VOLUME,
      action: "volume_delete",
      scope: "volume",
      handle(request) {
        const volume = volumeOf(request);
        if (volume.attachedMachineId !== undefined) {
          throw failedPrecondition(`volume ${volume.id} is attached to machine ${volume.attachedMachineId}`);
        }
        if (volume.state === "created") {
          volume.state = "pending_destroy";
          volume.deletedAt = world.now();
          world.changedVolume(volume);
        }
        return ok(volumeView(volume));
      },
    },
  ];
}

async function create(services: Services, { app, body }: ApiRequest): Promise<ApiResponse> {
  const { world } = services;
  const { name, region = services.defaultRegion } = body;
  if (typeof name !== "string" || !/^[a-z0-9_]{1,30}$/.test(name)) {
    throw invalidArgument("name must be at most 30 lower-case letters, digits and underscores");
  }
  if (typeof region !== "string") throw invalidArgument("region must be a string");
  const sizeGb = readSize(body.size_gb);
  const sameName = world.volumesOf(app).filter((volume) => volume.name === name && volume.region === region);
  const host = placeVolume(world, {
    region,
    sizeGb,
    memoryMb: readMemoryHint(body.compute),
    avoidHostIds: new Set(body.require_unique_zone === true ? sameName.map((volume) => volume.hostId) : []),
  });
  if (host === undefined) throw CAPACITY_ERRORS.volume_no_capacity();
  const volume: VolumeRecord = {
    app,
    id: volumeId(),
    name,
    region,
    zone: host.zone,
    hostId: host.id,
    encrypted: body.encrypted !== false,
    fstype: typeof body.fstype === "string" ? body.fstype : "ext4",
    createdAt: world.now(),
    state: "created",
    sizeGb,
    snapshotRetention: readRetention(body.snapshot_retention, DEFAULT_RETENTION_DAYS),
    autoBackupEnabled: body.auto_backup_enabled !== false,
  };
  world.volumes.set(volume.id, volume);
  world.changedVolume(volume);
  await services.directories.createVolume(volume.id);
  return ok(volumeView(volume));
}

function extend({ world }: Services, volume: VolumeRecord, body: JsonObject): ApiResponse {
  const sizeGb = readSize(body.size_gb);
  if (sizeGb < volume.sizeGb) throw invalidArgument(`a volume cannot shrink from ${volume.sizeGb} GB`);
  const host = world.hosts.find((candidate) => candidate.id === volume.hostId);
  if (host === undefined || freeVolumeGb(world, host) < sizeGb - volume.sizeGb) {
    throw CAPACITY_ERRORS.volume_no_capacity();
  }
  volume.sizeGb = sizeGb;
  world.changedVolume(volume);
  return ok({ needs_restart: false, volume: volumeView(volume) });
}

function readSize(value: JsonValue | undefined): number {
  const size = value ?? DEFAULT_SIZE_GB;
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1 || size > MAX_SIZE_GB) {
    throw invalidArgument(`size_gb must be between 1 and ${MAX_SIZE_GB}`);
  }
  return size;
}

function readRetention(value: JsonValue | undefined, fallback: number): number {
  const days = value ?? fallback;
  if (typeof days !== "number" || !Number.isInteger(days) || days < 1 || days > MAX_RETENTION_DAYS) {
    throw invalidArgument(`snapshot_retention must be between 1 and ${MAX_RETENTION_DAYS}`);
  }
  return days;
}

/** The memory of the machine that is to come beside the volume, 0 when the request gives no hint. */
function readMemoryHint(compute: JsonValue | undefined): number {
  return isJsonObject(compute) && typeof compute.memory_mb === "number" ? compute.memory_mb : 0;
}
