/** A machine's `config` as the emulator reads it: checked once at the door, kept as the client sent it beside that. */
import { invalidArgument } from "./errors.js";
import { parseDuration } from "./duration.js";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.js";

export type RestartPolicy = "no" | "always" | "on-failure";

export interface MachineConfiguration {
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly guest: { readonly cpuKind: string; readonly cpus: number; readonly memoryMb: number };
  readonly mount?: { readonly volume: string; readonly path: string };
  readonly restart: { readonly policy: RestartPolicy; readonly maxRetries: number };
  readonly stop: { readonly signal: NodeJS.Signals; readonly timeoutMs: number };
  readonly files: readonly { readonly guestPath: string; readonly content: Buffer }[];
  readonly autoDestroy: boolean;
  readonly swapMb: number;
  readonly persistRootfs: "never" | "always" | "restart";
}

/** What Fly waits between the stop signal and SIGKILL when nothing else is configured. */
export const DEFAULT_STOP_TIMEOUT_MS = 5_000;
/** Fly's default for `restart.max_retries`. */
const DEFAULT_MAX_RETRIES = 10;

export const STOP_SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM"] as const;

/** Throws a 400 that names the first thing wrong. */
export function readConfiguration(config: JsonValue | undefined): MachineConfiguration {
  if (!isJsonObject(config)) throw invalidArgument("config is required");
  const image = config.image;
  if (typeof image !== "string" || image === "") throw invalidArgument("config.image is required");
  const mount = readMount(config.mounts);
  return {
    image,
    env: readStrings(config.env, "config.env"),
    guest: readGuest(config.guest),
    ...(mount === undefined ? {} : { mount }),
    restart: readRestart(config.restart),
    stop: readStop(objectOr(config.stop_config, "config.stop_config")),
    files: readFiles(config.files),
    autoDestroy: config.auto_destroy === true,
    swapMb: numberOr(objectOr(config.init, "config.init").swap_size_mb, 0, "config.init.swap_size_mb"),
    persistRootfs: readPersist(objectOr(config.rootfs, "config.rootfs").persist),
  };
}

/** The metadata of a raw config; read anew each time, because the metadata calls change it without a new version. */
export function metadataOf(config: JsonObject): Record<string, string> {
  return readStrings(config.metadata, "config.metadata");
}

/** A map of strings to strings, empty when absent; throws a 400 otherwise. */
export function readStrings(value: JsonValue | undefined, name: string): Record<string, string> {
  const strings: Record<string, string> = {};
  for (const [key, entry] of Object.entries(objectOr(value, name))) {
    if (typeof entry !== "string") throw invalidArgument(`${name}.${key} must be a string`);
    strings[key] = entry;
  }
  return strings;
}

/** The stop signal and time-out of a request or a config, with `fallback` for what it leaves out. */
export function readStop(
  value: JsonObject,
  fallback: MachineConfiguration["stop"] = { signal: "SIGINT", timeoutMs: DEFAULT_STOP_TIMEOUT_MS },
): MachineConfiguration["stop"] {
  const signal = STOP_SIGNALS.find((name) => name === value.signal);
  if (signal === undefined && value.signal !== undefined && value.signal !== null && value.signal !== "") {
    throw invalidArgument(`signal must be one of ${STOP_SIGNALS.join(", ")}`);
  }
  const given = value.timeout !== undefined && value.timeout !== null && value.timeout !== "";
  const timeoutMs = given ? parseDuration(value.timeout) : fallback.timeoutMs;
  if (timeoutMs === undefined) throw invalidArgument('timeout must be a duration such as "5s"');
  return { signal: signal ?? fallback.signal, timeoutMs };
}

function readGuest(value: JsonValue | undefined): MachineConfiguration["guest"] {
  const guest = objectOr(value, "config.guest");
  const cpuKind = guest.cpu_kind ?? "shared";
  if (cpuKind !== "shared" && cpuKind !== "performance") {
    throw invalidArgument("config.guest.cpu_kind must be shared or performance");
  }
  const cpus = numberOr(guest.cpus, 1, "config.guest.cpus");
  const memoryMb = numberOr(guest.memory_mb, 256 * cpus, "config.guest.memory_mb");
  if (memoryMb % 256 !== 0) throw invalidArgument("config.guest.memory_mb must be a multiple of 256");
  return { cpuKind, cpus, memoryMb };
}

function readMount(value: JsonValue | undefined): MachineConfiguration["mount"] {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw invalidArgument("config.mounts must be an array");
  if (value.length > 1) throw invalidArgument("only one volume may be mounted per machine");
  const [mount] = value;
  if (mount === undefined) return undefined;
  if (!isJsonObject(mount) || typeof mount.volume !== "string" || typeof mount.path !== "string") {
    throw invalidArgument("a mount needs a volume id and a path");
  }
  return { volume: mount.volume, path: absolute(mount.path, "config.mounts[0].path") };
}

function readRestart(value: JsonValue | undefined): MachineConfiguration["restart"] {
  const restart = objectOr(value, "config.restart");
  const policy = restart.policy ?? "";
  const maxRetries = numberOr(restart.max_retries, DEFAULT_MAX_RETRIES, "config.restart.max_retries");
  // Fly shows an unset policy as an empty string and then behaves as on-failure.
  if (policy === "") return { policy: "on-failure", maxRetries };
  if (policy !== "no" && policy !== "always" && policy !== "on-failure") {
    throw invalidArgument("config.restart.policy must be no, always or on-failure");
  }
  return { policy, maxRetries };
}

function readFiles(value: JsonValue | undefined): MachineConfiguration["files"] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidArgument("config.files must be an array");
  return value.map((file, index) => {
    const name = `config.files[${index}]`;
    if (!isJsonObject(file) || typeof file.guest_path !== "string") {
      throw invalidArgument(`${name}.guest_path is required`);
    }
    if (typeof file.raw_value !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(file.raw_value)) {
      throw invalidArgument(`${name}.raw_value must be base64 (this emulator has no app secrets for secret_name)`);
    }
    const guestPath = absolute(file.guest_path, `${name}.guest_path`);
    return { guestPath, content: Buffer.from(file.raw_value, "base64") };
  });
}

function readPersist(value: JsonValue | undefined): MachineConfiguration["persistRootfs"] {
  return value === "always" || value === "restart" ? value : "never";
}

/** A path of the guest may not climb out of the guest. */
function absolute(path: string, name: string): string {
  if (!path.startsWith("/") || path === "/" || path.split("/").includes("..")) {
    throw invalidArgument(`${name} must be an absolute path`);
  }
  return path;
}

function objectOr(value: JsonValue | undefined, name: string): JsonObject {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw invalidArgument(`${name} must be an object`);
  return value;
}

function numberOr(value: JsonValue | undefined, fallback: number, name: string): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw invalidArgument(`${name} must be a whole number`);
  }
  return value;
}
