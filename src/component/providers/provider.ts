/** The small interface behind which machines come from; the pool knows nothing else of a provider. */

/** What a provider knows about one machine. */
export type ObservedMachine = {
  machineId: string;
  name: string;
  region: string;
  state: MachineState;
  /** Ownership and identity as stored with the machine; empty when the provider could not say. */
  metadata: Record<string, string>;
  /** ms; 0 when the provider did not say. */
  createdAt: number;
  /** The volume it mounts, as the provider says now: moving a machine to another host changes it. */
  volumeId?: string;
  /** What it costs as long as it stays as it is, estimated; left out by a provider that costs nothing. */
  usdPerDay?: number;
};

export type ObservedVolume = {
  volumeId: string;
  /** Not unique: two volumes may have the same. */
  name: string;
  region: string;
  state: VolumeState;
  attachedMachineId: string | null;
  /** ms; 0 when the provider did not say. */
  createdAt: number;
  usdPerDay?: number;
};

/** `ready`: it may be attached, or is. `leaving`: deleted, and costs nothing any more. `unknown`: anything else. */
export type VolumeState = "ready" | "leaving" | "unknown";

/**
 * `booting`: on its way up. `running`. `suspended`: frozen with its memory, goes on where it was when it is started. `halted`: its process is not running and will not start by itself. `leaving`: being
 * destroyed. `gone`. `unknown`: anything else, counted as if it ran, since nobody has proven otherwise.
 */
export type MachineState = "booting" | "running" | "suspended" | "halted" | "leaving" | "gone" | "unknown";

export type MachineSpec = {
  /** Unique among the app's live machines: the key that makes a repeated create harmless. */
  name: string;
  image: string;
  region: string;
  guest: { cpuKind: "shared" | "performance"; cpus: number; memoryMb: number };
  /** Never a secret. */
  environment: Record<string, string>;
  /** Files written before the process starts, by absolute path. */
  files: Record<string, string>;
  metadata: Record<string, string>;
  /** A volume of the same region that is attached to nothing, and where the machine sees it. */
  volume?: { volumeId: string; path: string };
  /** Time a process gets between the stop signal and being killed. */
  stopTimeoutSeconds: number;
};

export type VolumeSpec = {
  name: string;
  region: string;
  sizeGb: number;
  /** The machine that is to come: where there is no room for it, the volume would be of no use. */
  guest: MachineSpec["guest"];
};

/** Every call has a time-out, and throws {@link ProviderError} for whatever is not its result. */
export interface Provider {
  /** Machines that carry all of `metadata`. Eventually consistent: absence proves nothing. */
  listMachines(metadata: Record<string, string>): Promise<ObservedMachine[]>;
  createMachine(spec: MachineSpec): Promise<ObservedMachine>;
  /** `null` when the provider is sure that it is gone. */
  getMachine(machineId: string): Promise<ObservedMachine | null>;
  /** Asks the process to end; resolves before it has. */
  stopMachine(machineId: string, options: { timeoutSeconds: number }): Promise<void>;
  /** Freezes it, memory and all; resolves before it is. Not every machine can be. */
  suspendMachine(machineId: string): Promise<void>;
  /** Starts it again: a suspended one goes on where it was. Resolves before it runs. */
  startMachine(machineId: string): Promise<void>;
  /** True once it is halted or gone, false when `timeoutSeconds` (1–60) were not enough. */
  waitUntilStopped(machineId: string, timeoutSeconds: number): Promise<boolean>;
  /** Whatever its state; a machine that is gone already is not an error. */
  destroyMachine(machineId: string): Promise<void>;
  /** Not safe to repeat: each call that succeeds makes another one. */
  createVolume(spec: VolumeSpec): Promise<ObservedVolume>;
  /** `null` when the provider is sure that it is gone. */
  getVolume(volumeId: string): Promise<ObservedVolume | null>;
  /** Eventually consistent: absence proves nothing. */
  listVolumes(): Promise<ObservedVolume[]>;
  /** `status` is the provider's, as in HTTP; one that is attached is refused. */
  deleteVolume(volumeId: string): Promise<{ status: number; message: string }>;
}

/**
 * `unauthorized`: the token is wrong or a quota is used up; an operator must act. `name_taken`: a machine of that name
 * exists. `no_capacity`: try another region. `busy`: try later. `ambiguous`: it may have happened; look before anything
 * else. `rejected`: the request itself is wrong. `not_found`: no such machine, volume or app.
 */
export type ProviderErrorKind =
  "unauthorized" | "name_taken" | "no_capacity" | "busy" | "ambiguous" | "rejected" | "not_found";

export type ProviderErrorDetails = {
  /** HTTP status, 0 when there was no answer. */
  status: number;
  /** The provider's id of the request, for its support. */
  requestId: string | null;
  /** What the provider asks to wait before the next try. */
  retryAfterMs?: number;
  /** The machine that has the name, for `name_taken`. */
  machineId?: string;
};

export class ProviderError extends Error {
  override name = "ProviderError";
  constructor(
    readonly kind: ProviderErrorKind,
    message: string,
    readonly details: ProviderErrorDetails,
  ) {
    super(message);
  }
}
