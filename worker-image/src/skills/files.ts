/** Reads and writes the folder of one skill, and says what differs from what it should hold. */
import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MAX_SKILL_FILE_BYTES, MAX_SKILL_FILES } from "../../../src/shared/skill-bundle.js";

export type SkillFileContent = { path: string; content: Buffer; sha256: string };

/** What a folder should hold: the digest and size of each file, by path. */
export type FileListing = ReadonlyMap<string, { sha256: string; sizeBytes: number }>;

export const sha256Of = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

export function listingOf(files: readonly SkillFileContent[]): FileListing {
  return new Map(files.map(({ path, sha256, content }) => [path, { sha256, sizeBytes: content.length }]));
}

/** Thrown for a folder that cannot be a skill's. */
export class NotASkill extends Error {
  override readonly name = "NotASkill";
}

/**
 * All files below `root`. Links and other things that are neither file nor folder are no part of a skill, and neither is
 * what is hidden.
 *
 * @throws NotASkill when there are more or larger files than a skill may have; disk errors
 */
export async function readSkillFolder(root: string): Promise<SkillFileContent[]> {
  const files: SkillFileContent[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        await visit(path);
      } else if (entry.isFile()) {
        if (files.length >= MAX_SKILL_FILES) throw new NotASkill(`It has more than ${MAX_SKILL_FILES} files.`);
        const { size } = await lstat(join(root, path));
        if (size > MAX_SKILL_FILE_BYTES) throw new NotASkill(`${path} has more than ${MAX_SKILL_FILE_BYTES} bytes.`);
        const content = await readFile(join(root, path));
        files.push({ path, content, sha256: sha256Of(content) });
      }
    }
  };
  await visit("");
  return files;
}

/**
 * Writes the files below `root`, which must be nobody else's yet. Nobody may write to them afterwards, so that a careless
 * program does not; one that means to is found out before the next turn.
 */
export async function writeSkillFolder(root: string, files: readonly SkillFileContent[]): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const { path, content } of files) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const isScript = content[0] === 0x23 && content[1] === 0x21;
    await writeFile(file, content, { flag: "wx", mode: isScript ? 0o500 : 0o400 });
  }
}

/** `strays`: paths of what does not belong there. */
export type Difference = { isIntact: boolean; strays: string[] };

/** Compares a folder with its listing. Never follows a link, and does not enter a folder that does not belong there. */
export async function compareSkillFolder(root: string, listing: FileListing): Promise<Difference> {
  const folders = new Set<string>();
  for (const path of listing.keys()) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) folders.add(parts.slice(0, depth).join("/"));
  }
  const strays: string[] = [];
  let intact = 0;
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const expected = listing.get(path);
      if (expected !== undefined) {
        if (await isFile(join(root, path), entry, expected)) intact++;
      } else if (folders.has(path)) {
        if (entry.isDirectory()) await visit(path);
      } else {
        strays.push(path);
      }
    }
  };
  await visit("");
  return { isIntact: intact === listing.size, strays };
}

async function isFile(file: string, entry: Dirent, expected: { sha256: string; sizeBytes: number }): Promise<boolean> {
  // The size first: what an agent has made of the file may be larger than memory.
  if (!entry.isFile() || (await lstat(file)).size !== expected.sizeBytes) return false;
  const content = await readFile(file).catch(() => null);
  return content !== null && sha256Of(content) === expected.sha256;
}

/** What is at `path`, without following a link. */
export async function kindOf(path: string): Promise<"directory" | "other" | "absent"> {
  try {
    return (await lstat(path)).isDirectory() ? "directory" : "other";
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return "absent";
    throw error;
  }
}
