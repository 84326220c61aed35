/** The part of a reconcile about volumes whose worker is gone: each is deleted once it holds nothing that would be missed. */
import { internal } from "../../_generated/api.js";
import type { ActionCtx } from "../../functions.js";
import { ProviderError, type ObservedVolume, type Provider } from "../../providers/provider.js";
import { RECONCILE_WINDOW_MS } from "../../queue/capacity.js";
import { describeProblem, type Problem } from "../problem.js";
import type { Providers } from "../providers.js";
import type { UnsavedPage } from "./unsaved.js";
import type { Leftovers, Removal, RemovalOutcome } from "./volumes.js";
import { removeVolume } from "./volumeSteps.js";

/** Pages of a worker's snapshots looked at: 10,000 conversations, more than any worker has served. */
const MAX_PAGES = 100;
/** Conversations named in a sentence. */
const MAX_NAMED = 5;

/** What is still to be done, and what an operator should look into. */
export type Tended = { nextAt: number | null; trouble: Problem | null };

/**
 * Deletes the volumes that are due, if there is time for it before `deadline` (ms); what does not go is tried again, ever less
 * often. @throws only for a defect
 */
export async function tendLeftovers(
  ctx: ActionCtx,
  poolKey: string,
  leftovers: Leftovers,
  { providers, deadline }: { providers: Providers; deadline: number },
): Promise<Tended> {
  if (leftovers.nextAt === null || leftovers.nextAt > Date.now()) return leftovers;
  if (Date.now() >= deadline) return { ...leftovers, nextAt: Date.now() + RECONCILE_WINDOW_MS };
  const removals: Removal[] = await ctx.runMutation(internal.pool.internalVolumes.takeRemovals, { poolKey });
  for (const home of new Set(removals.map((removal) => removal.home))) {
    const atHome = removals.filter((removal) => removal.home === home);
    const listed = await list(providers, home);
    const remove = async (removal: Removal) => {
      const outcome = "kind" in listed ? troubled(removal, listed) : await tend(ctx, listed, removal);
      await ctx.runMutation(internal.pool.internalVolumes.recordRemoval, { workerId: removal.workerId, outcome });
    };
    await Promise.all(atHome.map(remove));
  }
  const { nextAt, trouble }: Leftovers = await ctx.runQuery(internal.pool.internalVolumes.leftovers, { poolKey });
  // One that is due already is one of those that this run has not taken.
  return { nextAt: nextAt === null ? null : Math.max(nextAt, Date.now() + RECONCILE_WINDOW_MS), trouble };
}

type Listed = { provider: Provider; volumes: ObservedVolume[] };

async function list(providers: Providers, home: string): Promise<Listed | Problem> {
  try {
    const provider = await providers.at(home);
    return { provider, volumes: await provider.listVolumes() };
  } catch (error) {
    const problem = describeProblem(error);
    if (problem === null) throw error;
    return problem;
  }
}

async function tend(ctx: ActionCtx, { provider, volumes }: Listed, removal: Removal): Promise<RemovalOutcome> {
  const { workerId, name, volumeId, mayAppear } = removal;
  const named = volumes.filter((volume) => volume.name === name && volume.state !== "leaving");
  const volumeIds = new Set(named.map((volume) => volume.volumeId));
  // A list may lack what is there.
  if (volumeId !== null) volumeIds.add(volumeId);
  try {
    if (volumeIds.size > 0) {
      const unsaved = await unsavedProblem(ctx, workerId, name);
      if (unsaved !== null) return { kind: "left", trouble: unsaved };
    }
    for (const id of volumeIds) {
      const removed = await removeVolume(provider, id, name);
      if (removed.kind === "left") return troubled(removal, { kind: "volume_stuck", message: removed.why }, id);
    }
    return mayAppear ? { kind: "left", trouble: null } : { kind: "gone" };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return troubled(removal, { kind: "volume_stuck", message: error.message });
  }
}

function troubled({ workerId, name }: Removal, { message }: Problem, volumeId?: string): RemovalOutcome {
  const volume = volumeId === undefined ? name : `${volumeId} (${name})`;
  return {
    kind: "left",
    trouble: {
      kind: "volume_stuck",
      message: `Volume ${volume} of worker ${workerId}, whose machine is gone, could not be deleted; the pool keeps trying. ${message}`,
    },
  };
}

/** What would be lost with the worker's disk, as something an operator can act upon; `null` when that is nothing. */
export async function unsavedProblem(ctx: ActionCtx, workerId: string, name: string): Promise<Problem | null> {
  const problem = (kind: string, why: string): Problem => {
    return { kind, message: `Volume ${name} of worker ${workerId} is kept: ${why}` };
  };
  let after = 0;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { conversationIds, next }: UnsavedPage = await ctx.runQuery(internal.pool.internalVolumes.unsaved, {
      workerId,
      after,
    });
    if (conversationIds === null) return problem("volume_stuck", "a turn of it has not been ended yet.");
    if (conversationIds.length > 0) {
      const named = conversationIds.slice(0, MAX_NAMED).join(", ");
      return problem(
        "volume_unsaved",
        `it may hold the only copy of what ${named} has in its workspace, because the file of the current snapshot is missing from storage. Copy it off the volume, then delete the volume with deleteFlyVolume.`,
      );
    }
    if (next === null) return null;
    after = next;
  }
  return problem("volume_unsaved", "it has served more conversations than could be looked at.");
}
