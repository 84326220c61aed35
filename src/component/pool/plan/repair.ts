/** The part of the plan that looks at one worker or machine at a time: what it needs on its own account, whatever the demand. */
import type { MachineState } from "../../providers/provider.js";
import { DESTROYABLE, ORPHAN_GRACE_MS } from "./orphans.js";
import { isForAnybody } from "./spare.js";
import type { PlanAction, PlanInput, PlannedWorker, SeenMachine } from "./situation.js";

/**
 * A machine that a create was asked for may be missing from the provider's list for a while; longer than this, and
 * nothing came of it.
 */
export const SPAWN_GRACE_MS = 60_000;
/** A worker whose machine was never seen is given up after waiting this long: a create that was cut off may still come true. */
export const VANISHED_MS = 3 * 60_000;
/** Time for a late heartbeat before a silent worker's machine is given up, beyond its lease. */
export const SILENCE_GRACE_MS = 30_000;
/** More orphans than this at once are a sign that something else is wrong: they go slowly, and can be seen going. */
export const MAX_ORPHANS_PER_RUN = 5;

export const OUTDATED = "Its image, configuration or isolation is not the current one.";
/** A machine that does not freeze when it is asked to this often is not going to. */
const SUSPEND_ATTEMPTS = 3;

/** `null` when the worker is as it should be. */
export function repair(worker: PlannedWorker, machine: SeenMachine | null, input: PlanInput): PlanAction | null {
  if (worker.status === "stopping") return dismantle(worker, machine, input);
  if (worker.status === "suspended") return tendSuspended(worker, machine, input);
  const reason = reasonToFence(worker, machine, input);
  const { workerId } = worker;
  const machineId = worker.machineId ?? machine?.machineId ?? null;
  if (reason !== null) return { kind: "fence", workerId, machineId, state: machine?.state ?? null, reason };
  if (worker.machineId === null && machine !== null) {
    const { region } = machine;
    return { kind: "adopt", workerId, machineId: machine.machineId, region, reason: "Its create had succeeded." };
  }
  return null;
}

function dismantle(worker: PlannedWorker, machine: SeenMachine | null, { now, unlistedHomes }: PlanInput) {
  const { workerId } = worker;
  const machineId = worker.machineId ?? machine?.machineId ?? null;
  if (machineId === null) {
    if (now < worker.statusSince + VANISHED_MS || unlistedHomes.includes(worker.home)) return null;
    return { kind: "forget" as const, workerId, reason: "No machine of it ever appeared." };
  }
  if (now < worker.destroyAt) return null;
  const reason = "It has stopped working and its machine must go.";
  return { kind: "destroy" as const, workerId, machineId, state: machine?.state ?? null, reason };
}

/** What sleeps is cheap, but not free, and must be there when it is wanted. */
function tendSuspended(worker: PlannedWorker, machine: SeenMachine | null, input: PlanInput) {
  const { now, policy, unlistedHomes } = input;
  const { workerId, wakeRequestedAt } = worker;
  const machineId = worker.machineId ?? machine?.machineId ?? null;
  const state = machine?.state ?? null;
  const fence = (reason: string) => ({ kind: "fence" as const, workerId, machineId, state, reason });
  if (machineId === null) return fence("No machine of it is known.");
  // Frozen is not ended: a machine that has ended holds nothing that a start would bring back.
  if (state === "halted" || state === "leaving" || state === "gone") return fence("Its machine ended while it slept.");
  const isDue = now >= worker.powerAt;
  if (wakeRequestedAt !== null) {
    if (now - wakeRequestedAt >= policy.bootDeadlineMs) {
      return fence(`It did not come back within ${seconds(policy.bootDeadlineMs)}.`);
    }
    const isDown = state === null || state === "suspended";
    const reason = "It is wanted, and has not come back yet.";
    return isDue && isDown ? { kind: "resume" as const, workerId, machineId, conversationIds: [], reason } : null;
  }
  // A spare is weighed against the other spares, see `rests`.
  if (!isForAnybody(worker, input) && now - worker.statusSince >= policy.retireAfterMs) {
    return { kind: "drain" as const, workerId, reason: `It slept for ${seconds(policy.retireAfterMs)}.` };
  }
  if (worker.isOutdated === true) return { kind: "drain" as const, workerId, reason: OUTDATED };
  if (!isDue) return null;
  // A list may lack what is there, so it is asked for by its id; a spare may sleep for ever, and must be there when it is wanted.
  if (state === null && !unlistedHomes.includes(worker.home)) {
    return { kind: "look" as const, workerId, machineId, reason: "Its machine is missing from the list." };
  }
  if (state !== "running") return null;
  const reason = "Its machine still runs.";
  if (worker.powerAttempts >= SUSPEND_ATTEMPTS) return { kind: "keep_awake" as const, workerId, reason };
  return { kind: "suspend" as const, workerId, machineId, reason };
}

function reasonToFence(worker: PlannedWorker, machine: SeenMachine | null, input: PlanInput): string | null {
  const { now, policy } = input;
  switch (worker.status) {
    case "starting": {
      if (now - worker.createdAt >= policy.bootDeadlineMs) {
        return `It did not enroll within ${seconds(policy.bootDeadlineMs)}.`;
      }
      if (machine !== null && isDown(machine.state)) return "Its machine ended before it enrolled.";
      const isMissing = worker.machineId === null && machine === null && !input.unlistedHomes.includes(worker.home);
      if (isMissing && now - worker.createdAt >= SPAWN_GRACE_MS) return "Its machine was never created.";
      return null;
    }
    case "active":
    case "draining": {
      // A list may be old: a worker that has just been heard of is alive, whatever the list says of its machine.
      if (machine !== null && isDown(machine.state) && now >= missedBeatAt(worker)) {
        return "Its machine is no longer running.";
      }
      if (worker.heartbeatExpiresAt !== null && now >= worker.heartbeatExpiresAt + SILENCE_GRACE_MS) {
        return "Its heartbeat stopped.";
      }
      if (worker.status === "draining" && now - worker.statusSince >= policy.drainDeadlineMs) {
        return `It did not drain within ${seconds(policy.drainDeadlineMs)}.`;
      }
      return null;
    }
    case "suspended":
    case "stopping":
    case "stopped":
      return null;
  }
}

/** Machines of this pool that no live row refers to. */
export function orphans({ now, workers, machines }: PlanInput): PlanAction[] {
  const names = new Set(workers.map(({ machineName }) => machineName));
  return machines
    .filter(({ name, state }) => !names.has(name) && DESTROYABLE.has(state))
    .filter(({ createdAt }) => createdAt > 0 && now - createdAt >= ORPHAN_GRACE_MS)
    .sort((left, right) => left.createdAt - right.createdAt)
    .slice(0, MAX_ORPHANS_PER_RUN)
    .map(({ machineId, home }) => {
      return { kind: "destroy_orphan", machineId, home, reason: "No live worker belongs to this machine." };
    });
}

/**
 * A worker that lapsed takes no more work until it is heard of again, and what it held is somebody else's by then. One that
 * sleeps is not expected to say anything.
 */
export function isSilent({ status, heartbeatExpiresAt }: PlannedWorker, now: number): boolean {
  return status !== "suspended" && heartbeatExpiresAt !== null && now >= heartbeatExpiresAt;
}

/** Three beats fit into a lease, so when half of it is left unrenewed one was missed. */
export function missedBeatAt({ heartbeatExpiresAt, leaseDurationMs }: PlannedWorker): number {
  return heartbeatExpiresAt === null ? 0 : heartbeatExpiresAt - leaseDurationMs / 2;
}

export function isDown(state: MachineState): boolean {
  return state === "suspended" || state === "halted" || state === "leaving" || state === "gone";
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
