/** Puts a finished folder in the place of another one, so that a reader finds the old content or the new, never a mix. */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { removeTree } from "../locked-folders.js";

/** Both marks can only be left behind by a process that died; {@link removeLeftovers} knows them. */
const NEW_MARK = ".incoming-";
const OLD_MARK = ".outgoing-";

/** A fresh, private, empty folder beside `target`, on the same file system, whose place it will take. */
export async function createSibling(target: string): Promise<string> {
  await mkdir(dirname(target), { recursive: true });
  const sibling = join(dirname(target), `${NEW_MARK}${basename(target)}-${randomBytes(6).toString("hex")}`);
  await mkdir(sibling, { mode: 0o700 });
  return sibling;
}

/** True when something is at `path`, without following a symbolic link. */
export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

/**
 * Moves `replacement` to `target`; what was at `target` is gone afterwards. If it fails, `target` is what it was.
 *
 * Renaming cannot exchange two folders in one step everywhere, so a process killed exactly between the two renames
 * leaves `target` missing: callers treat a missing folder as one to restore.
 */
export async function replaceDirectory(target: string, replacement: string): Promise<void> {
  if (!(await exists(target))) {
    await rename(replacement, target);
    return;
  }
  if (!(await lstat(target)).isDirectory()) throw new Error(`Not a folder: ${target}`);
  const old = join(dirname(target), `${OLD_MARK}${basename(target)}-${randomBytes(6).toString("hex")}`);
  await rename(target, old);
  try {
    await rename(replacement, target);
  } catch (error) {
    await rename(old, target);
    throw error;
  }
  await removeTree(old);
}

/** Removes what a process that died in the middle of a replacement left in `parent`. */
export async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    if (name.startsWith(NEW_MARK) || name.startsWith(OLD_MARK)) {
      await removeTree(join(parent, name));
    }
  }
}
