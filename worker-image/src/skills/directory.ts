/** Makes the folder of skills in a workspace hold exactly the skills it should, whatever an agent has made of it. */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Excludes } from "../snapshots/tree-scan.js";
import type { CatalogSkill } from "./catalog.js";
import { compareSkillFolder, writeSkillFolder } from "./files.js";

/** Below the workspace. Runtimes look here first. */
export const SKILLS_FOLDER = "skills";
/** Some runtimes look here too: a skill put there would not be one of those that were approved. */
const OTHER_FOLDERS = [[".agents", "skills"]] as const;

/** Skills are put there before every turn, so a snapshot needs none of them. */
export const SKILL_EXCLUDES: readonly string[] = [SKILLS_FOLDER, ...OTHER_FOLDERS.map((parts) => parts.join("/"))].map(
  (path) => `workspace/${path}`,
);

export function withoutSkills(excludes: Excludes): Excludes {
  return { ...excludes, paths: [...excludes.paths, ...SKILL_EXCLUDES] };
}

export type Cleaning = {
  /** Below the workspace, for the log. */
  removed: string[];
  /** Skills that were written, because they were new, changed, or not what they should be. */
  written: string[];
};

type Options = {
  workspaceDirectory: string;
  /** On the same file system; not part of the workspace, so that a crash leaves nothing in it. */
  temporaryDirectory: string;
  /** Called before a skill appears, changes or goes: a runtime that runs has read them already. */
  beforeChanging: () => Promise<void>;
};

/**
 * All or nothing: a new folder takes the place of the old one. What does not belong to an approved skill's folder (a cache that
 * one of its programs wrote) is removed from it without disturbing the runtime.
 *
 * @throws disk errors
 */
export async function arrangeSkills(skills: readonly CatalogSkill[], options: Options): Promise<Cleaning> {
  const target = join(options.workspaceDirectory, SKILLS_FOLDER);
  const others = await otherFolders(options.workspaceDirectory);
  const { foreign, strays, broken } = await inspect(target, skills);
  const removed = [...others, ...foreign.map((name) => join(target, name)), ...strays];
  if (others.length > 0 || foreign.length > 0 || broken.length > 0) {
    await options.beforeChanging();
    for (const path of others) await rm(path, { recursive: true, force: true });
    await replaceSkills(target, skills, options.temporaryDirectory);
  } else {
    for (const path of strays) await rm(path, { recursive: true, force: true });
  }
  const below = (path: string) => path.slice(options.workspaceDirectory.length + 1);
  return { removed: removed.map(below), written: broken };
}

type Inspection = { foreign: string[]; strays: string[]; broken: string[] };

async function inspect(target: string, skills: readonly CatalogSkill[]): Promise<Inspection> {
  const wanted = new Map(skills.map((skill) => [skill.dirName, skill]));
  const kind = await kindOf(target);
  // A link or a file in the folder's place is as foreign as what a folder might hold.
  if (kind === "other") return { foreign: [""], strays: [], broken: [...wanted.keys()] };
  const inspection: Inspection = { foreign: [], strays: [], broken: [] };
  const entries = kind === "absent" ? [] : await readdir(target, { withFileTypes: true });
  for (const entry of entries) {
    const skill = wanted.get(entry.name);
    if (skill === undefined || !entry.isDirectory()) {
      inspection.foreign.push(entry.name);
      continue;
    }
    const folder = join(target, entry.name);
    const { isIntact, strays } = await compareSkillFolder(folder, skill.listing);
    inspection.strays.push(...strays.map((path) => join(folder, path)));
    if (isIntact) wanted.delete(entry.name);
  }
  inspection.broken = [...wanted.keys()];
  return inspection;
}

async function replaceSkills(target: string, skills: readonly CatalogSkill[], temporary: string): Promise<void> {
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const place = (what: string) => join(temporary, `${what}-${basename(target)}-${randomBytes(8).toString("hex")}`);
  const [incoming, outgoing] = [place("incoming"), place("outgoing")];
  try {
    await mkdir(incoming, { mode: 0o700 });
    for (const skill of skills) await writeSkillFolder(join(incoming, skill.dirName), await skill.read());
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    // A process that dies between these two leaves a workspace without skills, which the next turn finds.
    if ((await kindOf(target)) !== "absent") await rename(target, outgoing);
    if (skills.length > 0) await rename(incoming, target);
  } finally {
    for (const path of [incoming, outgoing]) await rm(path, { recursive: true, force: true });
  }
}

/** What there is of the other folders. A link on the way to one is removed itself, never what it points to. */
async function otherFolders(workspace: string): Promise<string[]> {
  const found: string[] = [];
  for (const parts of OTHER_FOLDERS) {
    let path = workspace;
    for (const [index, part] of parts.entries()) {
      path = join(path, part);
      const kind = await kindOf(path);
      if (kind === "absent") break;
      const isLast = index === parts.length - 1;
      if (isLast || kind === "other") {
        found.push(path);
        break;
      }
    }
  }
  return found;
}

async function kindOf(path: string): Promise<"directory" | "other" | "absent"> {
  try {
    return (await lstat(path)).isDirectory() ? "directory" : "other";
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return "absent";
    throw error;
  }
}
