/** Writes one action of a plan as rows, and says what is left to do for it at the provider: the row is always first. */
import { backoffMs, unitFromText, type BackoffPolicy } from "../../shared/backoff.js";
import { DEFAULT_GUEST, MAX_SUSPENDABLE_MEMORY_MB, type ProviderConfig } from "../../shared/provider-config.js";
import { env } from "../_generated/server.js";
import type { MutationCtx } from "../functions.js";
import type { MachineState } from "../providers/provider.js";
import { keepFor } from "../queue/reservation.js";
import { moveWorker, readLiveWorker, recordDestroy, recordMachine, recordSpawn } from "../workers/fleet.js";
import { keepAwake, recordLook, recordResume, recordSuspend } from "../workers/suspension.js";
import { recordEvent } from "../workers/timeline.js";
import { homeOf } from "./homes.js";
import { configKeyOf } from "./machines.js";
import type { Observation } from "./observe.js";
import type { PlanAction, PlannedWorker, SeenMachine } from "./plan/situation.js";
import { volumeName } from "./volumes/volumeNames.js";
import { endWorker, recordMount, recordVolume } from "./volumes/volumes.js";

/**
 * Steps that have not begun by then are left to the next run, and those that have try nothing new: even if every answer
 * takes as long as the client waits for it, the run ends before it is taken for dead.
 */
export const STEPS_BUDGET_MS = 45_000;
/**
 * A machine that does not go is asked again, ever less often, up to once a minute: as long as it is there it takes a place
 * that a message may be waiting for.
 */
const DESTROY_BACKOFF: BackoffPolicy = { baseMs: 4_000, factor: 2, capMs: 60_000, jitter: 0.1 };

/**
 * A machine may be unknown where one looks for as long as it is a minute old, and it may be younger than its row by what a run
 * has time for. After that, not to be found is to be gone.
 */
const UNFAMILIAR_MS = 60_000 + STEPS_BUDGET_MS;
/** A machine that is asked to freeze, or to start again, does so within a second or two. */
const POWER_BACKOFF: BackoffPolicy = { baseMs: 5_000, factor: 2, capMs: 60_000, jitter: 0.1 };

/** A sleeper's machine that is there and never listed is asked for this often: it is a matter of cents until it is needed. */
const LOOK_INTERVAL_MS = 10 * 60_000;

/** Identities for workers the plan may ask for, minted where there is true randomness. */
export type SpawnTicket = { workerId: string; credentialHash: string };

export type ProviderStep =
  | { kind: "create"; workerId: string; machineName: string; volumeName?: string }
  | {
      kind: "destroy";
      workerId: string;
      machineId: string;
      home: string;
      attempt: number;
      /** As listed a moment ago; `null` when it was not. */
      state: MachineState | null;
      /** A provider that does not know the machine may simply not know it yet. */
      isYoung: boolean;
    }
  | { kind: "suspend" | "resume" | "look"; workerId: string; machineId: string; home: string }
  | { kind: "destroy_orphan"; machineId: string; home: string };

export type Scene = {
  poolKey: string;
  observation: Observation;
  providerConfig: ProviderConfig;
  tickets: SpawnTicket[];
  machines: SeenMachine[];
  now: number;
};

export async function applyAction(ctx: MutationCtx, action: PlanAction, scene: Scene): Promise<ProviderStep | null> {
  if (action.kind === "spawn") return await applySpawn(ctx, action.reason, scene);
  if (action.kind === "destroy_orphan") {
    const { machineId, reason } = action;
    await recordEvent(ctx, { poolKey: scene.poolKey, kind: "orphan_destroyed", machineId, reason });
    return { kind: "destroy_orphan", machineId: action.machineId, home: action.home };
  }
  const { workerId, reason } = action;
  const planned = scene.observation.workers.find((worker) => worker.workerId === workerId);
  if (planned === undefined || !(await isAsPlanned(ctx, action, planned))) {
    // The place that this would have freed is one that the plan may have counted on.
    if (action.kind === "forget") scene.tickets.pop();
    return null;
  }
  switch (action.kind) {
    case "adopt":
      await recordMachine(ctx, workerId, { machineId: action.machineId, region: action.region });
      await recordMount(ctx, workerId, { volumeId: mountOf(planned, scene) });
      return null;
    case "drain":
      await moveWorker(ctx, workerId, "drain_requested", reason);
      // Who sleeps has nothing to finish, and would have to be woken to be told so.
      if (planned.status !== "suspended" || planned.machineId === null) return null;
      return await applyDestroy(ctx, planned, planned.machineId, "suspended", scene);
    case "suspend": {
      await recordSuspend(ctx, workerId, { reason, retryAfterMs: retryPowerAfter(workerId) });
      return { kind: "suspend", workerId, machineId: action.machineId, home: planned.home };
    }
    case "resume":
      await recordResume(ctx, workerId, { reason, retryAfterMs: retryPowerAfter(workerId) });
      for (const conversationId of action.conversationIds) await keepFor(ctx, workerId, conversationId);
      return { kind: "resume", workerId, machineId: action.machineId, home: planned.home };
    case "look":
      await recordLook(ctx, workerId, LOOK_INTERVAL_MS);
      return { kind: "look", workerId, machineId: action.machineId, home: planned.home };
    case "keep_awake":
      await keepAwake(ctx, workerId, reason);
      return null;
    case "forget":
      await endWorker(ctx, workerId, reason);
      return null;
    case "fence":
      // The row first: it takes the leases away, so that whatever its machine still does changes nothing any more.
      await moveWorker(ctx, workerId, "lost", reason);
      return action.machineId === null ? null : await applyDestroy(ctx, planned, action.machineId, action.state, scene);
    case "destroy":
      return await applyDestroy(ctx, planned, action.machineId, action.state, scene);
  }
}

/** False when the worker has moved on since the snapshot the plan was made from; the next run sees it as it is then. */
async function isAsPlanned(ctx: MutationCtx, action: PlanAction, planned: PlannedWorker): Promise<boolean> {
  const fresh = await readLiveWorker(ctx, planned.workerId);
  if (fresh === null || fresh.worker.status !== planned.status) return false;
  if (action.kind === "drain") return fresh.load === 0;
  if (action.kind === "look") return fresh.worker.wakeRequestedAt === undefined;
  if (action.kind === "suspend") return fresh.load === 0 && fresh.worker.wakeRequestedAt === undefined;
  if (action.kind === "fence") return fresh.heartbeatExpiresAt === planned.heartbeatExpiresAt;
  if (action.kind === "forget") return fresh.worker.machineId === undefined;
  return true;
}

async function applySpawn(ctx: MutationCtx, statusReason: string, scene: Scene): Promise<ProviderStep | null> {
  const { poolKey, providerConfig, observation } = scene;
  const ticket = scene.tickets.pop();
  if (ticket === undefined) return null;
  // Each row is spawned once, so its generation is 1; the name says so, for whatever replaces it under the same id.
  const generation = 1;
  const machineName = `${poolKey}-${ticket.workerId}-g${generation}`;
  const { kind: providerKind, appName, image } = providerConfig;
  const { leaseDurationMs, runTimeoutMs } = observation.policy;
  const machine = { machineName, providerKind, appName, image };
  const cannotSuspend = (providerConfig.guest ?? DEFAULT_GUEST).memoryMb > MAX_SUSPENDABLE_MEMORY_MB;
  const intent = {
    ...ticket,
    ...machine,
    poolKey,
    generation,
    statusReason,
    leaseDurationMs,
    runTimeoutMs,
    configKey: configKeyOf(providerConfig),
    ...(cannotSuspend ? { cannotSuspend } : {}),
  };
  await recordSpawn(ctx, intent, observation.policy);
  const { workerId } = ticket;
  const { volume } = providerConfig;
  if (volume === undefined) return { kind: "create", workerId, machineName };
  const name = volumeName({ deploymentUrl: env.CONVEX_CLOUD_URL, poolKey }, volume.name, workerId);
  await recordVolume(ctx, { poolKey, workerId, home: homeOf(providerConfig), name });
  return { kind: "create", workerId, machineName, volumeName: name };
}

async function applyDestroy(
  ctx: MutationCtx,
  planned: PlannedWorker,
  machineId: string,
  state: MachineState | null,
  scene: Scene,
): Promise<ProviderStep> {
  const { workerId, home, createdAt } = planned;
  // The provider may have moved it to another volume since, and says so as long as it is there.
  await recordMount(ctx, workerId, { volumeId: mountOf(planned, scene) });
  const retryAfterMs = waitsFor(DESTROY_BACKOFF, workerId);
  const attempt = await recordDestroy(ctx, workerId, { machineId, retryAfterMs });
  return { kind: "destroy", workerId, machineId, home, attempt, state, isYoung: scene.now - createdAt < UNFAMILIAR_MS };
}

/** The volume that the worker's machine was seen with. */
function mountOf({ machineName }: PlannedWorker, { machines }: Scene): string | undefined {
  return machines.find(({ name, state }) => name === machineName && state !== "gone")?.volumeId;
}

/** How long to wait before the machine is asked once more to freeze or to start, by the number of times it was. */
export function retryPowerAfter(workerId: string): (attempt: number) => number {
  return waitsFor(POWER_BACKOFF, workerId);
}

function waitsFor(policy: BackoffPolicy, workerId: string): (attempt: number) => number {
  return (attempt) => backoffMs(policy, attempt, unitFromText(`${workerId}${attempt}`));
}
