/** The part of the cleanup about volumes, and what teardown does with them. */
import { internal } from "../../_generated/api.js";
import type { CleanupReport } from "../../../shared/reports.js";
import type { ActionCtx } from "../../functions.js";
import type { ObservedVolume, Provider } from "../../providers/provider.js";
import { isOver, sentenceOf, sortOut, type Sweep } from "./cleanupSweep.js";
import { unsavedProblem } from "../volumes/leftoverVolumes.js";
import type { Ownership } from "../machines.js";
import { judgeVolume, mountedVolumes, type VolumeRule } from "./orphanVolumes.js";
import { workerOfVolume } from "../volumes/volumeNames.js";
import { removeVolume } from "../volumes/volumeSteps.js";

/** Rows read by one query, two documents each. */
const ROWS_PER_QUERY = 200;

/** Deletes those that are due. @returns the ids of all that are left over, to be remembered */
export async function sweepVolumes(sweep: Sweep): Promise<string[]> {
  const { ctx, ownership, found, report, now } = sweep;
  const workerIds = found.volumes.flatMap(({ name }) => workerOfVolume(ownership, name) ?? []);
  const wantedBy = await readWanted(ctx, workerIds);
  const rule: VolumeRule = { ownership, wantedBy, mounted: mountedVolumes(found.machines), now };
  const { orphanIds, due } = sortOut(sweep, {
    noun: "volumes",
    things: found.volumes,
    idOf: ({ volumeId }) => volumeId,
    judge: (volume) => judgeVolume(volume, rule),
    foreign: report.volumeIdsForeign,
    pending: report.volumeIdsPending,
  });
  for (const volume of due) {
    if (isOver(sweep, "volumes", report.volumeIdsDeleted.length)) break;
    const isStillOrphan = async () => {
      const fresh = await sweep.provider.getVolume(volume.volumeId);
      const stillWantedBy = await readWanted(ctx, [workerOfVolume(ownership, volume.name) ?? ""]);
      const nowRule = { ...rule, wantedBy: stillWantedBy, now: Date.now() };
      return fresh === null || judgeVolume(fresh, nowRule) === "orphan";
    };
    await removeReported(sweep, volume, isStillOrphan);
  }
  return orphanIds;
}

/** Deletes every volume of the pool that nothing is attached to and that holds nothing of its own; for teardown only. */
export async function wipeVolumes(
  target: { ctx: ActionCtx; provider: Provider; ownership: Ownership; report: CleanupReport },
  volumes: ObservedVolume[],
  deadline: number,
): Promise<void> {
  const { ownership, report } = target;
  for (const volume of volumes) {
    if (workerOfVolume(ownership, volume.name) === null) {
      report.volumeIdsForeign.push(volume.volumeId);
    } else if (Date.now() >= deadline) {
      report.warnings.push("There was not enough time for all volumes: call again.");
      return;
    } else {
      await removeReported(target, volume);
    }
  }
}

async function removeReported(
  { ctx, provider, ownership, report }: Pick<Sweep, "ctx" | "provider" | "ownership" | "report">,
  { volumeId, name }: ObservedVolume,
  isStillDue?: () => Promise<boolean>,
): Promise<void> {
  try {
    const workerId = workerOfVolume(ownership, name) ?? "";
    const unsaved = await unsavedProblem(ctx, workerId, name);
    if (unsaved !== null) {
      report.warnings.push(unsaved.message);
      return;
    }
    if (isStillDue !== undefined && !(await isStillDue())) return;
    const removed = await removeVolume(provider, volumeId, name);
    if (removed.kind === "gone") report.volumeIdsDeleted.push(volumeId);
    else report.warnings.push(`Volume ${volumeId} is still there. ${removed.why}`);
  } catch (error) {
    report.errors.push(`Volume ${volumeId}: ${sentenceOf(error)}`);
  }
}

async function readWanted(ctx: ActionCtx, workerIds: string[]): Promise<Set<string>> {
  const wanted = new Set<string>();
  for (let from = 0; from < workerIds.length; from += ROWS_PER_QUERY) {
    const page: string[] = await ctx.runQuery(internal.pool.internalVolumes.wantedVolumes, {
      workerIds: workerIds.slice(from, from + ROWS_PER_QUERY),
    });
    for (const workerId of page) wanted.add(workerId);
  }
  return wanted;
}
