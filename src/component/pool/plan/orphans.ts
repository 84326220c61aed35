/** Whose a machine is, and whether it is left over: the full rule, in one place, for everybody who destroys. Pure. */
import type { MachineState, ObservedMachine } from "../../providers/provider.js";
import { hasMetadata, ownershipMetadata, workerIdOf, type Ownership } from "../machines.js";

/** A machine nobody knows is destroyed at this age: a create whose row is about to learn of it is younger. */
export const ORPHAN_GRACE_MS = 2 * 60_000;

/**
 * States a machine may be in to be destroyed as an orphan. A list of those it may not be in would include every state that
 * will be invented.
 */
export const DESTROYABLE: ReadonlySet<MachineState> = new Set(["booting", "running", "suspended", "halted"]);

/** `foreign`: not this pool's. `kept`: a live worker's, too young, going, or in a state nobody knows. */
export type Verdict = "foreign" | "kept" | "orphan";

export type OrphanRule = {
  ownership: Ownership;
  /** Names of the machines of all workers that are not proven gone. */
  liveNames: ReadonlySet<string>;
  now: number;
};

type Judged = Pick<ObservedMachine, "name" | "state" | "metadata" | "createdAt">;

export function judge(machine: Judged, { ownership, liveNames, now }: OrphanRule): Verdict {
  const { name, state, metadata, createdAt } = machine;
  if (!hasMetadata(metadata, ownershipMetadata(ownership))) return "foreign";
  // The metadata alone could have been copied to another machine, by a clone for instance.
  const workerId = workerIdOf(metadata);
  if (workerId === null || !name.startsWith(`${ownership.poolKey}-${workerId}-g`)) return "foreign";
  const isOld = createdAt > 0 && now - createdAt >= ORPHAN_GRACE_MS;
  return !liveNames.has(name) && isOld && DESTROYABLE.has(state) ? "orphan" : "kept";
}
