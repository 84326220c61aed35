/** Makes the folder of skills in a workspace hold exactly the skills it should, whatever an agent has made of it. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDenied, removeTree, unlock } from "../locked-folders.js";
import type { Excludes } from "../snapshots/tree-scan.js";
import type { CatalogSkill } from "./catalog.js";
import { compareSkillFolder, kindOf, writeSkillFolder } from "./files.js";

/** Below the conversation's folder. Runtimes look here first. */
export const SKILLS_FOLDER = "workspace/skills";
/** Runtimes look here too: a skill put there would not be one of those that were approved. */
const OTHER_FOLDERS: readonly string[] = ["workspace/.agents/skills", "state/skills"];

/** Skills are put there before every turn, so a snapshot needs none of them. */
export function withoutSkills(excludes: Excludes): Excludes {
  return { ...excludes, paths: [...excludes.paths, SKILLS_FOLDER, ...OTHER_FOLDERS] };
}

export type Cleaning = {
  /** Below the conversation's folder, for the log. */
  removed: string[];
  /** Skills that were written, because they were new, changed, or not what they should be. */
  written: string[];
};

type Options = {
  /** The conversation's folder, with the workspace and the runtime's state. */
  root: string;
  /** On the same file system; not part of the conversation's folder, so that a crash leaves nothing in it. */
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
  try {
    return await arrange(skills, options);
  } catch (error) {
    if (!isDenied(error)) throw error;
    // An agent has taken away permissions that are the worker's as much as its own.
    for (const folder of [SKILLS_FOLDER, ...OTHER_FOLDERS]) await openUp(options.root, folder);
    return await arrange(skills, options);
  }
}

async function arrange(skills: readonly CatalogSkill[], { root, ...options }: Options): Promise<Cleaning> {
  const others = await otherSkills(root);
  const { foreign, strays, broken } = await inspect(root, skills);
  const remove = async (paths: readonly string[]) => {
    for (const path of paths) await removeTree(join(root, path));
  };
  if (others.length > 0 || foreign.length > 0 || broken.length > 0) {
    await options.beforeChanging();
    await remove(others);
    await replaceSkills(join(root, SKILLS_FOLDER), skills, options.temporaryDirectory);
  } else {
    await remove(strays);
  }
  return { removed: [...others, ...foreign, ...strays], written: broken };
}

type Inspection = { foreign: string[]; strays: string[]; broken: string[] };

async function inspect(root: string, skills: readonly CatalogSkill[]): Promise<Inspection> {
  const wanted = new Map(skills.map((skill) => [skill.dirName, skill]));
  const kind = await kindOf(join(root, SKILLS_FOLDER));
  // A link or a file in the folder's place is as foreign as what a folder might hold.
  if (kind === "other") return { foreign: [SKILLS_FOLDER], strays: [], broken: [...wanted.keys()] };
  const inspection: Inspection = { foreign: [], strays: [], broken: [] };
  const entries = kind === "absent" ? [] : await readdir(join(root, SKILLS_FOLDER), { withFileTypes: true });
  for (const entry of entries) {
    const folder = `${SKILLS_FOLDER}/${entry.name}`;
    const skill = wanted.get(entry.name);
    if (skill === undefined || !entry.isDirectory()) {
      inspection.foreign.push(folder);
      continue;
    }
    const { isIntact, strays } = await compareSkillFolder(join(root, folder), skill.listing);
    inspection.strays.push(...strays.map((path) => `${folder}/${path}`));
    if (isIntact) wanted.delete(entry.name);
  }
  inspection.broken = [...wanted.keys()];
  return inspection;
}

async function replaceSkills(target: string, skills: readonly CatalogSkill[], temporary: string): Promise<void> {
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const place = (what: string) => join(temporary, `skills-${what}-${randomBytes(8).toString("hex")}`);
  const [incoming, outgoing] = [place("incoming"), place("outgoing")];
  try {
    await mkdir(incoming, { mode: 0o700 });
    for (const skill of skills) await writeSkillFolder(join(incoming, skill.dirName), await skill.read());
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    // A process that dies between these two leaves a workspace without skills, which the next turn finds.
    if ((await kindOf(target)) !== "absent") await rename(target, outgoing);
    if (skills.length > 0) await rename(incoming, target);
  } finally {
    for (const path of [incoming, outgoing]) await removeTree(path);
  }
}

/**
 * The skills in the other folders: folders and links, for plain files there are none. A link on the way is removed itself,
 * never what it points to.
 */
async function otherSkills(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const folder of OTHER_FOLDERS) {
    const link = await notAFolder(root, folder);
    if (link !== null) found.push(link);
    else if ((await kindOf(join(root, folder))) === "directory") {
      const entries = await readdir(join(root, folder), { withFileTypes: true });
      found.push(...entries.filter((entry) => !entry.isFile()).map(({ name }) => `${folder}/${name}`));
    }
  }
  return found;
}

/** The first part of the way to a folder that exists and is no folder. */
async function notAFolder(root: string, folder: string): Promise<string | null> {
  const parts = folder.split("/");
  // The first is the worker's own.
  for (let length = 2; length <= parts.length; length++) {
    const path = parts.slice(0, length).join("/");
    const kind = await kindOf(join(root, path));
    if (kind === "absent") return null;
    if (kind === "other") return path;
  }
  return null;
}

/** Makes every folder from `root` to the bottom of `path` one that its owner may read and change. Follows no link. */
async function openUp(root: string, path: string): Promise<void> {
  const parts = path.split("/");
  for (let length = 1; length < parts.length; length++) {
    const folder = join(root, ...parts.slice(0, length));
    if ((await kindOf(folder)) !== "directory") return;
    await chmod(folder, 0o700);
  }
  await unlock(join(root, ...parts));
}
