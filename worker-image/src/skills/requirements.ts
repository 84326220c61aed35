/** Says whether a skill can work where it is about to be put, and if not, why. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { baseEnvironment } from "../processes/command.js";
import type { SkillRequirements } from "./document.js";

/** The machine and the agent, as far as skills ask. */
export type SkillHost = {
  platform: string;
  hasProgram(name: string): Promise<boolean>;
  hasVariable(name: string): boolean;
};

/** The end of a sentence that begins with the skill's name; `null` when nothing is missing. */
export async function missingFor(requirements: SkillRequirements, host: SkillHost): Promise<string | null> {
  const { os, bins, anyBins, env } = requirements;
  if (os.length > 0 && !os.includes(host.platform)) return `runs on ${os.join(", ")}, and this is ${host.platform}`;
  const missing = await absent(bins, host);
  if (missing.length > 0) return `needs programs that are not installed: ${missing.join(", ")}`;
  for (const group of anyBins) {
    if ((await absent(group, host)).length === group.length) {
      return `needs one of these programs, none of which is installed: ${group.join(", ")}`;
    }
  }
  const unset = env.filter((name) => !host.hasVariable(name));
  if (unset.length > 0) return `needs variables that the agent's environment does not have: ${unset.join(", ")}`;
  return null;
}

async function absent(programs: readonly string[], host: SkillHost): Promise<string[]> {
  const found = await Promise.all(programs.map((name) => host.hasProgram(name)));
  return programs.filter((_, index) => found[index] !== true);
}

/** This machine, for an agent with these variables. */
export function thisHost(environment: Readonly<Record<string, string>>, searchPath = defaultPath()): SkillHost {
  return {
    platform: process.platform,
    hasVariable: (name) => (environment[name] ?? "") !== "",
    hasProgram: (name) => isOnPath(name, searchPath),
  };
}

/** Where the commands of an agent look for programs. */
const defaultPath = () => baseEnvironment("/", "/")["PATH"] ?? "";

async function isOnPath(name: string, searchPath: string): Promise<boolean> {
  // A program is a name; with a slash in it, it would be looked for outside the path.
  if (name === "" || name.includes("/") || name.includes("\0")) return false;
  for (const folder of searchPath.split(delimiter)) {
    if (folder !== "" && (await isProgram(join(folder, name)))) return true;
  }
  return false;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
