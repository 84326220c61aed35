/** Folders that have to be there although an agent may have put anything in their place. */
import { lstat, mkdir } from "node:fs/promises";
import { removeTree } from "./locked-folders.js";

/** Makes `path` a folder, and no link to one: whatever else is there is removed. */
export async function makeRealFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found?.isDirectory() === true) return;
  await removeTree(path);
  await mkdir(path, { recursive: true, mode: 0o700 });
}
