/** Looks at the processes of a gateway from outside, the way an operator would. Linux only. */
import { readdir, readFile } from "node:fs/promises";

export type FoundProcess = { pid: number; command: string };

/** Every process whose environment holds `text`. */
export async function processesWith(text: string): Promise<FoundProcess[]> {
  const found: FoundProcess[] = [];
  for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${id}/environ`, "latin1").catch(() => "");
    if (Number(id) === process.pid || !environment.includes(text)) continue;
    const command = await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
    found.push({ pid: Number(id), command: command.replaceAll("\0", " ").trim() });
  }
  return found;
}

/** The gateway itself among the processes that know of a state folder below `directory`. */
export async function findGateway(directory: string): Promise<FoundProcess | undefined> {
  const members = await processesWith(`OPENCLAW_STATE_DIR=${directory}`);
  return members.find(({ command }) => command.startsWith("openclaw-gateway"));
}
