/** Leases: one holder at a time, recognized by a nonce, until the lease is released or its time is over. */
import { invalidArgument, leaseHeld, notFound } from "../model/errors.js";
import { leaseNonce } from "../model/identifiers.js";
import { type JsonObject, type JsonValue } from "../model/json.js";
import { type MachineLease, type MachineRecord } from "../model/machine.js";
import { type World } from "../model/world.js";
import { MACHINE, ok, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";

/** How long a lease lasts when the request does not say, in seconds. */
const DEFAULT_TTL_SECONDS = 120;
/** The one user this emulator knows. */
const OWNER = "fly-emulator@example.com";

export function leaseRoutes(services: Services): Route[] {
  const { world } = services;
  const template = `${MACHINE}/lease`;
  const machineOf = (request: ApiRequest): MachineRecord =>
    world.machineOf(request.app, request.parameters.machine_id ?? "");
  const shown = (httpStatus: number, machine: MachineRecord, lease: MachineLease): ApiResponse => {
    const data = leaseView(machine, lease);
    return { httpStatus, body: services.leaseBody === "flat" ? data : { status: "success", data } };
  };
  return [
    {
      method: "POST",
      template,
      action: "lease_acquire",
      scope: "machine",
      handle(request) {
        const machine = machineOf(request);
        requireLease(world, machine, request.nonce);
        const ttl = readTtl(request.body.ttl ?? request.query.get("ttl"));
        const description = typeof request.body.description === "string" ? request.body.description : "";
        const lease = acquireLease(world, machine, ttl ?? DEFAULT_TTL_SECONDS, description);
        return shown(201, machine, lease);
      },
    },
    {
      method: "GET",
      template,
      action: "lease_get",
      scope: "machine",
      handle(request) {
        const machine = machineOf(request);
        const lease = currentLease(world, machine);
        if (lease === undefined) throw notFound("lease");
        return shown(200, machine, lease);
      },
    },
    {
      method: "DELETE",
      template,
      action: "lease_release",
      scope: "machine",
      handle(request) {
        const machine = machineOf(request);
        if (currentLease(world, machine) === undefined) throw notFound("lease");
        requireLease(world, machine, request.nonce);
        delete machine.lease;
        world.touch(machine);
        return ok({ status: "success", data: { ok: true } });
      },
    },
  ];
}

/** Takes or prolongs the lease; the holder keeps its nonce. */
export function acquireLease(world: World, machine: MachineRecord, ttlSeconds: number, description = ""): MachineLease {
  const nonce = currentLease(world, machine)?.nonce ?? leaseNonce();
  const lease = { nonce, owner: OWNER, description, expiresAt: world.now() + ttlSeconds * 1_000 };
  machine.lease = lease;
  world.touch(machine);
  return lease;
}

/** Throws 409 when somebody else holds the machine. */
export function requireLease(world: World, machine: MachineRecord, nonce: string | undefined): void {
  const lease = currentLease(world, machine);
  if (lease !== undefined && lease.nonce !== nonce) throw leaseHeld(machine.id, lease.owner, lease.expiresAt);
}

/** Seconds, or `undefined` when none are given; throws 400 for anything that is no time. */
export function readTtl(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  const seconds = typeof value === "string" ? Number(value) : value;
  if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 1) {
    throw invalidArgument("the ttl of a lease must be a whole number of seconds");
  }
  return seconds;
}

function currentLease(world: World, machine: MachineRecord): MachineLease | undefined {
  return machine.lease !== undefined && machine.lease.expiresAt > world.now() ? machine.lease : undefined;
}

const leaseView = (machine: MachineRecord, lease: MachineLease): JsonObject => ({
  nonce: lease.nonce,
  expires_at: Math.floor(lease.expiresAt / 1_000),
  owner: lease.owner,
  description: lease.description,
  version: machine.instanceId,
});
