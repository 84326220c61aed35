/** The database steps of the reconcile and the cleanup about volumes. */
import { v } from "convex/values";
import { vNullableNumber, vNullableString } from "../../shared/views.js";
import { internalMutation, internalQuery } from "../functions.js";
import { readLiveWorker } from "../workers/fleet.js";
import { readPolicy } from "./policy.js";
import { readUnsaved } from "./volumes/unsaved.js";
import { isVolumeKnown, readLeftovers } from "./volumes/volumes.js";
import { recordRemoval as keepRemoval, takeRemovals as takeVolumes } from "./volumes/volumes.js";

const vTrouble = v.object({ kind: v.string(), message: v.string() });
export const vLeftovers = v.object({
  nextAt: vNullableNumber,
  isTooMany: v.boolean(),
  trouble: v.union(vTrouble, v.null()),
});

/** The volumes that are to go. */
export const leftovers = internalQuery({
  args: { poolKey: v.string() },
  returns: vLeftovers,
  handler: async (ctx, { poolKey }) => await readLeftovers(ctx, poolKey, (await readPolicy(ctx, poolKey)).maxWorkers),
});

export const takeRemovals = internalMutation({
  args: { poolKey: v.string() },
  returns: v.array(
    v.object({
      workerId: v.string(),
      home: v.string(),
      name: v.string(),
      volumeId: vNullableString,
      mayAppear: v.boolean(),
    }),
  ),
  handler: async (ctx, { poolKey }) => await takeVolumes(ctx, poolKey),
});

export const recordRemoval = internalMutation({
  args: {
    workerId: v.string(),
    outcome: v.union(
      v.object({ kind: v.literal("gone") }),
      v.object({ kind: v.literal("left"), trouble: v.union(vTrouble, v.null()) }),
    ),
  },
  returns: v.null(),
  handler: async (ctx, { workerId, outcome }) => {
    await keepRemoval(ctx, workerId, outcome);
    return null;
  },
});

/** What would be lost with a worker's disk, a page at a time. */
export const unsaved = internalQuery({
  args: { workerId: v.string(), after: v.number() },
  returns: v.object({ conversationIds: v.union(v.array(v.string()), v.null()), next: vNullableNumber }),
  handler: async (ctx, { workerId, after }) => await readUnsaved(ctx, workerId, after),
});

/** Those of the workers that are not proven gone, or whose volume a row looks after. */
export const wantedVolumes = internalQuery({
  args: { workerIds: v.array(v.string()) },
  returns: v.array(v.string()),
  handler: async (ctx, { workerIds }) => {
    const wanted: string[] = [];
    for (const workerId of workerIds) {
      const isWanted = (await isVolumeKnown(ctx, workerId)) || (await readLiveWorker(ctx, workerId)) !== null;
      if (isWanted) wanted.push(workerId);
    }
    return wanted;
  },
});
