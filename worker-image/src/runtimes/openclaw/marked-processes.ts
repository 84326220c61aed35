/** Ends what a gateway has started and left in process groups of its own, found by a variable only its processes have. */
import { readdir, readFile } from "node:fs/promises";

/** A process may fork between the look and the kill; each round finds fewer, and a bound ends it in any case. */
const MAX_ROUNDS = 5;

/**
 * Kills every process whose environment holds `NAME=value` exactly. Linux only: elsewhere there is no such list, and only
 * the gateway's own group is known.
 */
export async function killMarked(name: string, value: string): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const members = await marked(`${name}=${value}`);
    if (members.length === 0) return;
    for (const member of members) signalProcess(member, "SIGKILL");
  }
}

/** Whether there was anything to signal; a negative id is a process group. */
export function signalProcess(id: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(id, signal);
  } catch {
    return false;
  }
}

async function marked(marker: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = await Promise.all(ids.map(async (id) => ((await hasVariable(id, marker)) ? [Number(id)] : [])));
  return found.flat();
}

async function hasVariable(id: string, marker: string): Promise<boolean> {
  try {
    return (await readFile(`/proc/${id}/environ`, "latin1")).split("\0").includes(marker);
  } catch {
    // It has ended, or belongs to somebody else.
    return false;
  }
}
