/** Reads the answers of Fly's Machines API: liberal in what it accepts, since new states and fields appear unannounced. */
import type { MachineState, ObservedMachine, ObservedVolume, ProviderErrorKind, VolumeState } from "../provider.js";
import { machineUsdPerDay, volumeUsdPerDay, type Guest } from "./prices.js";

/**
 * Fly's states, as of its OpenAPI description of May 2026. A name that is not here is `unknown`, never "stopped": a
 * filter on what is *not* running has reaped new machines before.
 */
const STATES: ReadonlyMap<string, MachineState> = new Map([
  ["created", "booting"],
  ["creating", "booting"],
  ["starting", "booting"],
  ["restarting", "booting"],
  ["updating", "booting"],
  ["replacing", "booting"],
  ["started", "running"],
  ["stopping", "running"],
  ["suspending", "running"],
  ["suspended", "suspended"],
  ["stopped", "halted"],
  ["failed", "halted"],
  ["launch_failed", "halted"],
  ["destroying", "leaving"],
  ["destroyed", "gone"],
  ["replaced", "gone"],
  ["migrated", "gone"],
]);

export function machineState(state: string): MachineState {
  return STATES.get(state) ?? "unknown";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** `null` for something that is not a machine. */
export function readMachine(value: unknown): ObservedMachine | null {
  if (!isRecord(value)) return null;
  const machineId = text(value["id"]);
  const name = text(value["name"]);
  if (machineId === null || name === null) return null;
  const state = machineState(text(value["state"]) ?? "");
  const volumeId = readMount(value["config"]) ?? readMount(value["incomplete_config"]);
  return {
    machineId,
    name,
    region: text(value["region"]) ?? "",
    state,
    // When the host is not reachable, `config` is missing and the metadata sits in `incomplete_config`.
    metadata: { ...readMetadata(value["incomplete_config"]), ...readMetadata(value["config"]) },
    createdAt: readTime(value["created_at"]),
    ...(volumeId === null ? {} : { volumeId }),
    usdPerDay: machineUsdPerDay(
      state,
      readGuest(value["config"]) ?? readGuest(value["incomplete_config"]) ?? SMALLEST_GUEST,
    ),
  };
}

/** What Fly gives a machine that asks for nothing. */
const SMALLEST_GUEST: Guest = { cpuKind: "shared", cpus: 1, memoryMb: 256 };

function readGuest(config: unknown): Guest | null {
  const guest = isRecord(config) ? config["guest"] : undefined;
  if (!isRecord(guest)) return null;
  const { cpuKind, cpus, memoryMb } = SMALLEST_GUEST;
  return {
    cpuKind: text(guest["cpu_kind"]) ?? cpuKind,
    cpus: number(guest["cpus"]) ?? cpus,
    memoryMb: number(guest["memory_mb"]) ?? memoryMb,
  };
}

function readMetadata(config: unknown): Record<string, string> {
  const metadata = isRecord(config) ? config["metadata"] : undefined;
  if (!isRecord(metadata)) return {};
  const entries = Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(entries);
}

/** Fly attaches one volume to a machine, at most. */
function readMount(config: unknown): string | null {
  const mounts = isRecord(config) ? config["mounts"] : undefined;
  const mount: unknown = Array.isArray(mounts) ? mounts[0] : undefined;
  return isRecord(mount) ? text(mount["volume"]) : null;
}

function readTime(value: unknown): number {
  const time = Date.parse(text(value) ?? "");
  return Number.isFinite(time) ? time : 0;
}

/** As in flyctl; like those of machines, names that are not here are `unknown`. */
const VOLUME_STATES: ReadonlyMap<string, VolumeState> = new Map([
  ["created", "ready"],
  ["pending_destroy", "leaving"],
  ["scheduling_destroy", "leaving"],
  ["destroying", "leaving"],
  ["destroyed", "leaving"],
]);

export function volumeState(state: string): VolumeState {
  return VOLUME_STATES.get(state) ?? "unknown";
}

/** `null` for something that is not a volume. */
export function readVolume(value: unknown): ObservedVolume | null {
  if (!isRecord(value)) return null;
  const volumeId = text(value["id"]);
  if (volumeId === null) return null;
  const state = volumeState(text(value["state"]) ?? "");
  const attachedMachineId = text(value["attached_machine_id"]);
  return {
    volumeId,
    name: text(value["name"]) ?? "",
    region: text(value["region"]) ?? "",
    state,
    attachedMachineId: attachedMachineId === "" ? null : attachedMachineId,
    createdAt: readTime(value["created_at"]),
    usdPerDay: volumeUsdPerDay(state, number(value["size_gb"]) ?? 0),
  };
}

/** Fly's sentence for an error; its `status` names the capacity errors more reliably than the code. */
export function readError(body: unknown): { message: string; status: string } {
  if (!isRecord(body)) return { message: "", status: "" };
  return {
    message: text(body["error"]) ?? text(body["message"]) ?? "",
    status: text(body["status"]) ?? "",
  };
}

/** The id in Fly's `machine ID X already exists with name "Y"`; `null` when it is not that sentence. */
export function readTakenBy(message: string): string | null {
  return /machine ID ([0-9a-z]+) already exists/i.exec(message)?.[1] ?? null;
}

/** ms, from seconds or a date; Fly does not document the header, so anything else is as if it were missing. */
export function readRetryAfter(header: string | null): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

/** What an error answer means, for a call that changes something when `mutates`. */
export function classifyError(httpStatus: number, body: unknown, mutates: boolean): ProviderErrorKind {
  const { message, status } = readError(body);
  if (status === "insufficient_capacity" || status === "volume_placement_capacity") return "no_capacity";
  if (httpStatus === 401 || httpStatus === 403) return "unauthorized";
  if (httpStatus === 404) return "not_found";
  if (httpStatus === 409 && (status === "name_taken" || message.includes("already_exists"))) return "name_taken";
  if (/no capacity|insufficient resources|could not reserve/i.test(message)) return "no_capacity";
  if (httpStatus === 409 || httpStatus === 412 || httpStatus === 429) return "busy";
  if (httpStatus === 408 || httpStatus >= 500) return mutates ? "ambiguous" : "busy";
  return "rejected";
}
