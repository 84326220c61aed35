/** Folders from which an agent has taken the worker's permissions: programs make read-only ones by themselves, such as module caches. */
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "./disk-failure.js";

/** A permission is missing. What the agent's programs have taken away, the worker can give back: it is the same user. */
export const isDenied = (error: unknown): boolean => ["EACCES", "EPERM"].includes(systemCode(error) ?? "");

/** Makes every folder at and below `path` one that its owner may read and change; with `files`, every file one to read. Follows no link. */
export async function unlock(path: string, { files = false } = {}): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (files && found?.isFile() === true && (found.mode & 0o400) === 0) {
    await chmod(path, (found.mode & 0o777) | 0o400).catch(unlessGone);
  }
  if (found?.isDirectory() !== true) return;
  await chmod(path, 0o700).catch(unlessGone);
  for (const name of (await readdir(path).catch(unlessGone)) ?? []) await unlock(join(path, name), { files });
}

/** A removal that has failed may still be at work on the rest. */
function unlessGone(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT") throw error;
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
