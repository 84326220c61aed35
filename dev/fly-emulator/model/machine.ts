/** A machine as the emulator remembers it, and the JSON that the API shows of it. */
import { type MachineConfiguration } from "./configuration.js";
import { ulid } from "./identifiers.js";
import { copyJson, type JsonObject } from "./json.js";

/** The states an emulated machine passes through; clients must expect others, see the fault `unknown_state`. */
export type MachineState =
  | "created"
  | "starting"
  | "started"
  | "stopping"
  | "stopped"
  | "suspending"
  | "suspended"
  | "restarting"
  | "replacing"
  | "failed"
  | "launch_failed"
  | "destroying"
  | "destroyed";

export interface MachineLease {
  readonly nonce: string;
  readonly owner: string;
  readonly description: string;
  readonly expiresAt: number;
}

export interface MachineRecord {
  readonly app: string;
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly hostId: string;
  /** Order of creation; what cursors are made of. */
  readonly sequence: number;
  readonly privateIp: string;
  readonly createdAt: number;
  state: MachineState;
  instanceId: string;
  /** Earlier versions, newest last, bounded: a wait for one of them finds `replaced`. */
  replacedInstanceIds: string[];
  /** As the client sent it. */
  config: JsonObject;
  /** As the emulator reads it. */
  configuration: MachineConfiguration;
  updatedAt: number;
  cordoned: boolean;
  /** Newest first, bounded. */
  events: JsonObject[];
  lease?: MachineLease;
  destroyedAt?: number;
}

/** States in which a machine holds memory on its host; a stopped one gives it back, which is why a start can fail. */
export const RESERVING_STATES: ReadonlySet<MachineState> = new Set<MachineState>([
  "created",
  "starting",
  "started",
  "stopping",
  "suspending",
  "restarting",
  "replacing",
]);

/** Enough to see a boot, a few restarts and the end; Fly keeps few, too. */
const MAX_EVENTS = 30;
const MAX_REPLACED = 30;

export function addEvent(
  machine: MachineRecord,
  event: { type: string; source: string; at: number; request?: JsonObject },
): void {
  machine.events.unshift({
    id: ulid(),
    type: event.type,
    status: machine.state,
    source: event.source,
    timestamp: event.at,
    ...(event.request === undefined ? {} : { request: event.request }),
  });
  machine.events.length = Math.min(machine.events.length, MAX_EVENTS);
}

/** Gives the machine a new version with this configuration. */
export function replaceConfiguration(
  machine: MachineRecord,
  config: JsonObject,
  configuration: MachineConfiguration,
): void {
  machine.replacedInstanceIds = [...machine.replacedInstanceIds, machine.instanceId].slice(-MAX_REPLACED);
  machine.instanceId = ulid();
  machine.config = copyJson(config);
  machine.configuration = configuration;
}

export function machineView(machine: MachineRecord): JsonObject {
  return {
    id: machine.id,
    name: machine.name,
    state: machine.state,
    region: machine.region,
    image_ref: imageReference(machine.configuration.image),
    instance_id: machine.instanceId,
    private_ip: machine.privateIp,
    created_at: new Date(machine.createdAt).toISOString(),
    updated_at: new Date(machine.updatedAt).toISOString(),
    config: copyJson(machine.config),
    events: copyJson(machine.events),
    host_status: "ok",
    cordoned: machine.cordoned,
  };
}

/** What is left of a machine in a list with `summary=true`: no config, and so no metadata. */
export function summaryView(view: JsonObject): JsonObject {
  const { config: _config, incomplete_config: _incomplete, events: _events, host_status: _host, ...summary } = view;
  return summary;
}

/** The same machine seen while its host does not answer: the configuration moves to `incomplete_config`. */
export function unreachableView(view: JsonObject): JsonObject {
  const { config, ...rest } = view;
  return { ...rest, host_status: "unreachable", ...(config === undefined ? {} : { incomplete_config: config }) };
}

/** `registry/repository:tag@digest` in its parts; a first part without a dot or port is the public registry's. */
export function imageReference(image: string): JsonObject {
  const [path = image, digest] = image.split("@");
  const slash = path.indexOf("/");
  const first = slash === -1 ? "" : path.slice(0, slash);
  const hasRegistry = /[.:]/.test(first) || first === "localhost";
  const rest = hasRegistry ? path.slice(slash + 1) : path;
  const colon = rest.lastIndexOf(":");
  return {
    registry: hasRegistry ? first : "registry-1.docker.io",
    repository: colon === -1 ? rest : rest.slice(0, colon),
    tag: colon === -1 ? "latest" : rest.slice(colon + 1),
    ...(digest === undefined ? {} : { digest }),
  };
}
