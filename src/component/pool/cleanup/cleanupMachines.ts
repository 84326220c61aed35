/** The part of the cleanup about machines. */
import { internal } from "../../_generated/api.js";
import { isOver, sentenceOf, sortOut, type Sweep } from "./cleanupSweep.js";
import { workerIdOf } from "../machines.js";
import { judge, type OrphanRule } from "../plan/orphans.js";
import { destroyMachine } from "../steps.js";

/** Destroys those that are due. @returns the ids of all that are left over, to be remembered */
export async function sweepMachines(sweep: Sweep, liveNames: ReadonlySet<string>): Promise<string[]> {
  const { ctx, provider, ownership, found, report, now, deadline } = sweep;
  const rule: OrphanRule = { ownership, liveNames, now };
  const { orphanIds, due } = sortOut(sweep, {
    noun: "machines",
    things: found.machines,
    idOf: ({ machineId }) => machineId,
    judge: (machine) => judge(machine, rule),
    foreign: report.machineIdsForeign,
    pending: report.machineIdsPending,
  });
  for (const { machineId, metadata } of due) {
    if (isOver(sweep, "machines", report.machineIdsDeleted.length)) break;
    try {
      // Rows and machine once more, just before it is for good: both may have changed since they were listed.
      const isWanted: boolean = await ctx.runQuery(internal.pool.internal.isMachineWanted, {
        workerId: workerIdOf(metadata) ?? "",
      });
      const fresh = await provider.getMachine(machineId);
      if (isWanted || (fresh !== null && judge(fresh, { ...rule, now: Date.now() }) !== "orphan")) continue;
      const isGone =
        fresh === null || (await destroyMachine(provider, machineId, { state: fresh.state, isYoung: false, deadline }));
      if (isGone) report.machineIdsDeleted.push(machineId);
      else report.warnings.push(`Machine ${machineId} is still being destroyed.`);
    } catch (error) {
      report.errors.push(`Machine ${machineId}: ${sentenceOf(error)}`);
    }
  }
  return orphanIds;
}
