/** Ends what a program has started and left in process groups of its own, found by a variable only its processes have. */
import { readdir, readFile } from "node:fs/promises";

/** A process may fork between the look and the kill; each round finds fewer, and a bound ends it in any case. */
const MAX_ROUNDS = 5;

/**
 * Kills every process whose environment holds all of these variables. Linux only: elsewhere there is no such list, and
 * only the program's own group is known.
 */
export async function killMarked(variables: Readonly<Record<string, string>>): Promise<void> {
  const markers = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const members = await marked(markers);
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

async function marked(markers: readonly string[]): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = await Promise.all(ids.map(async (id) => ((await hasVariables(id, markers)) ? [Number(id)] : [])));
  return found.flat();
}

async function hasVariables(id: string, markers: readonly string[]): Promise<boolean> {
  try {
    const variables = new Set((await readFile(`/proc/${id}/environ`, "latin1")).split("\0"));
    return markers.every((marker) => variables.has(marker));
  } catch {
    // It has ended, or belongs to somebody else.
    return false;
  }
}
