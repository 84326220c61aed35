/** What the planner is told and what it answers: the vocabulary of the plan, without any of its decisions. */
import type { ScalingPolicy } from "../../../shared/provider-config.js";
import type { Isolation, Scope } from "../../../shared/scope.js";
import type { WorkerStatus } from "../../../shared/views.js";
import type { MachineState, ObservedMachine } from "../../providers/provider.js";

export type PlannedWorker = {
  workerId: string;
  status: WorkerStatus;
  machineName: string;
  machineId: string | null;
  /** Where its machine lives, see `homeOf`: not always where the pool makes its machines today. */
  home: string;
  scope: Scope | null;
  isolation: Isolation;
  capacity: number;
  /** Leases it holds. */
  load: number;
  statusSince: number;
  createdAt: number;
  lastActiveAt: number;
  /** `null` before it has enrolled. */
  heartbeatExpiresAt: number | null;
  leaseDurationMs: number;
  /** Its machine's end is not asked for (again) before this time; 0 when it never was. */
  destroyAt: number;
  /** Its machine was made from another image or configuration, or for another isolation, than new ones are. */
  isOutdated?: boolean;
  /** Its machine can be frozen, as far as is known. */
  canSuspend: boolean;
  /** Since when a suspended worker is wanted back; `null` while it is not. */
  wakeRequestedAt: number | null;
  /** How often its machine was asked to freeze, or to start again, and the time before which it is not asked again. */
  powerAttempts: number;
  powerAt: number;
};

/** A conversation whose head may run now and has no lease. */
export type WaitingLane = { conversationId: string; agentKey: string; consumerUserId: string | null };

export type SeenMachine = Omit<ObservedMachine, "usdPerDay"> & { home: string };

export type PlanInput = {
  now: number;
  policy: ScalingPolicy;
  /** Machines that may be asked for at once, at most; below the policy's `spawnStep` while the provider fails. */
  spawnLimit: number;
  /** While machines end before they enroll: when the next may be asked for; `null` when nothing is held back. */
  spawnHeldUntil: number | null;
  /** Every worker that is not proven gone. */
  workers: PlannedWorker[];
  waiting: WaitingLane[];
  /** Machines that carry this pool's ownership metadata, of every home that was listed. */
  machines: SeenMachine[];
  /** Homes that could not be listed: nothing is concluded about machines there. */
  unlistedHomes: string[];
};

export type PlanAction =
  | { kind: "spawn"; reason: string }
  | { kind: "adopt"; workerId: string; machineId: string; region: string; reason: string }
  /** Lets it finish and leave; a suspended one has nothing to finish, and its machine goes at once. */
  | { kind: "drain"; workerId: string; reason: string }
  /** Takes it off the list of who may claim, and freezes its machine. */
  | { kind: "suspend"; workerId: string; machineId: string; reason: string }
  /** Wakes it up; the conversations are kept for it for a moment, so that nobody else takes them meanwhile. */
  | { kind: "resume"; workerId: string; machineId: string; conversationIds: string[]; reason: string }
  /** Asks the provider for its machine, and takes it for gone only when the provider is sure. */
  | { kind: "look"; workerId: string; machineId: string; reason: string }
  /** Its machine does not freeze: it works on, and goes when it has been idle for too long. */
  | { kind: "keep_awake"; workerId: string; reason: string }
  /** Takes its leases away for good, and destroys its machine if one was seen. */
  | { kind: "fence"; workerId: string; machineId: string | null; state: MachineState | null; reason: string }
  /** Stops, destroys and confirms. `state` is the machine's as listed, `null` when it was not. */
  | { kind: "destroy"; workerId: string; machineId: string; state: MachineState | null; reason: string }
  /** Gives up on a machine that never came to be. */
  | { kind: "forget"; workerId: string; reason: string }
  | { kind: "destroy_orphan"; machineId: string; home: string; reason: string };
