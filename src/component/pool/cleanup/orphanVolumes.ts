/** Whose a volume is, and whether it is left over: the full rule, in one place, for everybody who deletes. Pure. */
import type { ObservedVolume } from "../../providers/provider.js";
import type { Ownership } from "../machines.js";
import { ORPHAN_GRACE_MS, type Verdict } from "../plan/orphans.js";
import { workerOfVolume } from "../volumes/volumeNames.js";

export type VolumeRule = {
  ownership: Ownership;
  /** Workers that are not proven gone, and those with a row that looks after their volume. */
  wantedBy: ReadonlySet<string>;
  /** Ids of volumes that some machine of the app mounts, by what that machine says. */
  mounted: ReadonlySet<string>;
  now: number;
};

/**
 * `foreign`: not this pool's, by its name. `kept`: a worker's, or a row's that looks after it itself; attached; too young; or in a
 * state that is not known to be one in which nothing happens to it.
 */
export function judgeVolume(
  { volumeId, name, state, attachedMachineId, createdAt }: ObservedVolume,
  { ownership, wantedBy, mounted, now }: VolumeRule,
): Verdict {
  const workerId = workerOfVolume(ownership, name);
  if (workerId === null) return "foreign";
  const isFree = attachedMachineId === null && !mounted.has(volumeId) && !wantedBy.has(workerId);
  const isOld = createdAt > 0 && now - createdAt >= ORPHAN_GRACE_MS;
  return isFree && isOld && state === "ready" ? "orphan" : "kept";
}

/** What the machines of an app mount: a list of volumes alone may be older than they are. */
export function mountedVolumes(machines: { volumeId?: string }[]): Set<string> {
  return new Set(machines.flatMap(({ volumeId }) => volumeId ?? []));
}
