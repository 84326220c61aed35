/** The database steps of the reconcile, and the reconcile as enqueue and deadlines schedule it. */
import { v } from "convex/values";
import { vProviderConfig, vScalingPolicy } from "../../shared/provider-config.js";
import { vIsolation, vScope } from "../../shared/scope.js";
import { vNullableNumber, vNullableString, vWorkerStatus } from "../../shared/views.js";
import { internalAction, internalMutation, internalQuery } from "../functions.js";
import { sweepOnce } from "../queue/sweep.js";
import { wakeSweeper } from "../queue/sweeper.js";
import { readLiveWorker, recordMachine } from "../workers/fleet.js";
import { giveUpSleeper, keepAwake } from "../workers/suspension.js";
import { vBreaker } from "./breaker.js";
import { reconcilePool } from "./reconcile.js";
import { observe } from "./observe.js";
import { commitPlan, finishRun } from "./run.js";
import { readSightings, rememberSightings as keepSightings } from "./cleanup/sightings.js";
import { vLeftovers } from "./internalVolumes.js";
import { endWorker, recordMount } from "./volumes/volumes.js";
import { fenceSome as fenceWorkers } from "./cleanup/wipe.js";

const vPlannedWorker = v.object({
  workerId: v.string(),
  status: vWorkerStatus,
  machineName: v.string(),
  machineId: vNullableString,
  home: v.string(),
  scope: v.union(vScope, v.null()),
  isolation: vIsolation,
  capacity: v.number(),
  load: v.number(),
  statusSince: v.number(),
  createdAt: v.number(),
  lastActiveAt: v.number(),
  heartbeatExpiresAt: vNullableNumber,
  leaseDurationMs: v.number(),
  destroyAt: v.number(),
  isOutdated: v.optional(v.boolean()),
  canSuspend: v.boolean(),
  wakeRequestedAt: vNullableNumber,
  powerAttempts: v.number(),
  powerAt: v.number(),
});

const vMachineState = v.union(
  v.literal("booting"),
  v.literal("running"),
  v.literal("suspended"),
  v.literal("halted"),
  v.literal("leaving"),
  v.literal("gone"),
  v.literal("unknown"),
);

const vSeenMachine = v.object({
  home: v.string(),
  machineId: v.string(),
  name: v.string(),
  region: v.string(),
  state: vMachineState,
  metadata: v.record(v.string(), v.string()),
  createdAt: v.number(),
  volumeId: v.optional(v.string()),
});

const vProviderStep = v.union(
  v.object({
    kind: v.literal("create"),
    workerId: v.string(),
    machineName: v.string(),
    volumeName: v.optional(v.string()),
  }),
  v.object({
    kind: v.literal("destroy"),
    workerId: v.string(),
    machineId: v.string(),
    home: v.string(),
    attempt: v.number(),
    state: v.union(vMachineState, v.null()),
    isYoung: v.boolean(),
  }),
  v.object({ kind: v.literal("suspend"), workerId: v.string(), machineId: v.string(), home: v.string() }),
  v.object({ kind: v.literal("resume"), workerId: v.string(), machineId: v.string(), home: v.string() }),
  v.object({ kind: v.literal("look"), workerId: v.string(), machineId: v.string(), home: v.string() }),
  v.object({ kind: v.literal("destroy_orphan"), machineId: v.string(), home: v.string() }),
);

/** Also read by `commit`, from a snapshot without read dependencies. */
export const observation = internalQuery({
  args: { poolKey: v.string() },
  returns: v.object({
    providerConfig: v.union(vProviderConfig, v.null()),
    policy: vScalingPolicy,
    spawnLimit: v.number(),
    spawnHeldUntil: vNullableNumber,
    bootFailures: v.union(v.object({ count: v.number(), lastAt: v.number() }), v.null()),
    workers: v.array(vPlannedWorker),
    waiting: v.array(v.object({ conversationId: v.string(), agentKey: v.string(), consumerUserId: vNullableString })),
    cooldowns: v.array(v.object({ region: v.string(), until: v.number() })),
    breaker: vBreaker,
    leftovers: vLeftovers,
    sweepDue: v.boolean(),
    runDeadlineAt: vNullableNumber,
    runGeneration: v.number(),
  }),
  handler: async (ctx, { poolKey }) => await observe(ctx, poolKey),
});

/** Brings the rows up to the clock: due lanes wake, dead leases are taken back. */
export const sweep = internalMutation({
  args: { poolKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { poolKey }) => {
    const { more } = await sweepOnce(ctx, poolKey);
    if (more) await wakeSweeper(ctx, poolKey);
    return null;
  },
});

export const commit = internalMutation({
  args: {
    poolKey: v.string(),
    machines: v.array(vSeenMachine),
    unlistedHomes: v.array(v.string()),
    tickets: v.array(v.object({ workerId: v.string(), credentialHash: v.string() })),
  },
  returns: v.union(v.object({ generation: v.number(), steps: v.array(vProviderStep), drained: v.number() }), v.null()),
  handler: async (ctx, { poolKey, ...seen }) => await commitPlan(ctx, poolKey, seen),
});

/** False when the worker was given up in the meantime: the machine is nobody's then. */
export const machineCreated = internalMutation({
  args: {
    workerId: v.string(),
    machineId: v.string(),
    region: v.string(),
    volume: v.optional(v.object({ volumeId: v.string(), isSettled: v.boolean() })),
  },
  returns: v.boolean(),
  handler: async (ctx, { workerId, volume, ...machine }) => {
    if (volume !== undefined) await recordMount(ctx, workerId, volume);
    return await recordMachine(ctx, workerId, machine);
  },
});

/** The provider will not freeze the worker's machine. */
export const suspendRefused = internalMutation({
  args: { workerId: v.string(), reason: v.string() },
  returns: v.null(),
  handler: async (ctx, { workerId, reason }) => {
    await keepAwake(ctx, workerId, reason);
    return null;
  },
});

/** The provider will not start the worker's machine again: whoever waits for it gets another one. */
export const resumeRefused = internalMutation({
  args: { workerId: v.string(), reason: v.string() },
  returns: v.null(),
  handler: async (ctx, { workerId, reason }) => {
    await giveUpSleeper(ctx, workerId, reason);
    return null;
  },
});

/** The provider confirmed that the worker's machine is gone, or that it never came to be. */
export const machineGone = internalMutation({
  args: { workerId: v.string(), reason: v.string() },
  returns: v.null(),
  handler: async (ctx, { workerId, reason }) => {
    await endWorker(ctx, workerId, reason);
    return null;
  },
});

export const finish = internalMutation({
  args: {
    poolKey: v.string(),
    startedAt: v.number(),
    generation: vNullableNumber,
    stoodAside: v.boolean(),
    problem: v.union(v.object({ kind: v.string(), message: v.string() }), v.null()),
    backOff: v.boolean(),
    fullRegions: v.array(v.string()),
    nextAt: vNullableNumber,
    isFull: v.boolean(),
    hasSleepers: v.optional(v.boolean()),
  },
  returns: v.null(),
  handler: async (ctx, { poolKey, ...outcome }) => {
    await finishRun(ctx, poolKey, outcome);
    return null;
  },
});

/** What the last cleanup took for orphans. */
export const sightings = internalQuery({
  args: { poolKey: v.string() },
  returns: v.array(v.object({ id: v.string(), firstSeenAt: v.number() })),
  handler: async (ctx, { poolKey }) => await readSightings(ctx, poolKey),
});

export const rememberSightings = internalMutation({
  args: { poolKey: v.string(), ids: v.array(v.string()) },
  returns: v.null(),
  handler: async (ctx, { poolKey, ids }) => {
    await keepSightings(ctx, poolKey, ids);
    return null;
  },
});

/** True while a worker that is not proven gone has a machine of that name. */
export const isMachineWanted = internalQuery({
  args: { workerId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { workerId }) => (await readLiveWorker(ctx, workerId)) !== null,
});

export const fenceSome = internalMutation({
  args: { poolKey: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { poolKey }) => await fenceWorkers(ctx, poolKey),
});

export const reconcile = internalAction({
  args: { poolKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { poolKey }) => {
    await reconcilePool(ctx, poolKey);
    return null;
  },
});
