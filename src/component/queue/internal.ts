/** Queries and background mutations of the queue that only this component calls. */
import { defineBatchWorkerValidators } from "@convex-dev/batch-worker";
import { v } from "convex/values";
import { vScope } from "../../shared/scope.js";
import { internal } from "../_generated/api.js";
import { internalMutation, internalQuery } from "../functions.js";
import { vFailureOutcome } from "../../shared/worker-protocol.js";
import { admitWaiting } from "./admission.js";
import { findCandidates } from "./claim.js";
import { resumeLanes } from "./pause.js";
import { recoverLease as recoverOneLease, wakeDueLanes } from "./recovery.js";
import { nextSweep as findNextSweep, sweepOnce as sweepOneBatch } from "./sweep.js";
import { poolOfSweeper } from "./sweeper.js";

/** A query of its own, so that claim can run it on a snapshot without read dependencies. */
export const claimCandidates = internalQuery({
  args: {
    workerId: v.string(),
    poolKey: v.string(),
    scope: v.union(vScope, v.null()),
  },
  returns: v.array(v.id("lanes")),
  handler: async (ctx, request) => (await findCandidates(ctx, request)).map((lane) => lane._id),
});

/** Runs when a delayed head is due; the reconcile does the same, should this one be lost. */
export const wakeLanes = internalMutation({
  args: { poolKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { poolKey }) => {
    const more = await wakeDueLanes(ctx, poolKey);
    if (more) await ctx.scheduler.runAfter(0, internal.queue.internal.wakeLanes, { poolKey });
    return null;
  },
});

/** Runs when an agent is enabled that was disabled. */
export const resumeAgent = internalMutation({
  args: { agentKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { agentKey }) => {
    const more = await resumeLanes(ctx, agentKey);
    if (more) await ctx.scheduler.runAfter(0, internal.queue.internal.resumeAgent, { agentKey });
    return null;
  },
});

/** One lease, in a transaction of its own: what fails in it is undone without the batch it belongs to. */
export const recoverLease = internalMutation({
  args: { leaseId: v.id("leases") },
  returns: v.union(vFailureOutcome, v.null()),
  handler: async (ctx, { leaseId }) => {
    const lease = await ctx.db.get("leases", leaseId);
    return lease === null ? null : await recoverOneLease(ctx, lease);
  },
});

/** Runs when an agent's caps were raised or removed. */
export const admitMore = internalMutation({
  args: { poolKey: v.string(), agentKey: v.string(), afterRank: v.number() },
  returns: v.null(),
  handler: async (ctx, { poolKey, agentKey, afterRank }) => {
    const next = await admitWaiting(ctx, { poolKey, agentKey, afterRank });
    if (next !== null) {
      await ctx.scheduler.runAfter(0, internal.queue.internal.admitMore, { poolKey, agentKey, afterRank: next });
    }
    return null;
  },
});

const { vQueryArgs, vQueryReturns, vMutationArgs, vMutationReturns } = defineBatchWorkerValidators({
  batch: { poolKey: v.string() },
  // Rows that were swept leave the ranges the sweep reads, so it always starts at their front.
  cursor: v.null(),
});

/** The sweep's loop asks it what to do next. */
export const nextSweep = internalQuery({
  args: vQueryArgs,
  returns: vQueryReturns,
  handler: async (ctx, { name }) => await findNextSweep(ctx, poolOfSweeper(name)),
});

/** One batch of the sweep's loop, which goes on until nothing is due. */
export const sweepOnce = internalMutation({
  args: vMutationArgs,
  returns: vMutationReturns,
  handler: async (ctx, { poolKey }) => {
    await sweepOneBatch(ctx, poolKey);
    return null;
  },
});
