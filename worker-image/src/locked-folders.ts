/** Folders from which an agent has taken the worker's permissions: programs make read-only ones by themselves, such as module caches. */
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "./disk-failure.js";

/** A permission is missing. What the agent's programs have taken away, the worker can give back: it is the same user. */
export const isDenied = (error: unknown): boolean => ["EACCES", "EPERM"].includes(systemCode(error) ?? "");

/** Makes `folder` and every folder in it one that its owner may read and change. Follows no link. */
export async function unlock(folder: string): Promise<void> {
  if ((await lstat(folder).catch(() => null))?.isDirectory() !== true) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(join(folder, entry.name));
  }
}

/** Removes whatever is at `path`, read-only folders included. @throws disk errors */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isDenied(error)) throw error;
    await unlock(path);
    await rm(path, { recursive: true, force: true });
  }
}
