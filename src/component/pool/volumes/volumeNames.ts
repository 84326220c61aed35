/** Names the volume of each worker, and says by a volume's name whose it is: a provider keeps nothing else with it that we choose. Pure. */
import { hashText } from "../../../shared/backoff.js";
import type { Ownership } from "../machines.js";

/**
 * What an operator may put in front of volumes' names: `<prefix>_<7 for the pool>_<12 for the worker>` are the 30 characters that
 * Fly allows.
 */
export const VOLUME_NAME_PREFIX = /^[a-z][a-z0-9_]{0,8}$/;

const WORKER_ID = /^w([a-z0-9]{1,12})$/;

/** The same for every volume of one deployment's pool, and for none of another's: 32 bits of both names, as 7 characters. */
function poolTag({ deploymentUrl, poolKey }: Ownership): string {
  return hashText(JSON.stringify([deploymentUrl, poolKey]))
    .toString(36)
    .padStart(7, "0");
}

/** The one name that a worker's volume can have, however often it is asked for. */
export function volumeName(ownership: Ownership, prefix: string, workerId: string): string {
  const own = WORKER_ID.exec(workerId)?.[1];
  if (own === undefined || !VOLUME_NAME_PREFIX.test(prefix))
    throw new Error(`No volume is named ${prefix} ${workerId}`);
  return `${prefix}_${poolTag(ownership)}_${own}`;
}

/** The worker a volume was made for, under any prefix the pool has had; `null` for a volume that is not this pool's. */
export function workerOfVolume(ownership: Ownership, name: string): string | null {
  const [, prefix = "", tag, own] = /^([a-z0-9_]+)_([a-z0-9]{7})_([a-z0-9]{1,12})$/.exec(name) ?? [];
  return own !== undefined && tag === poolTag(ownership) && VOLUME_NAME_PREFIX.test(prefix) ? `w${own}` : null;
}
