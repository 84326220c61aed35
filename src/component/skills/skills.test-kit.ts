/** Deploys skills as an operator does, for tests. */
import { lib, type Harness } from "../setup.test-kit.js";
import { prepareSkillFiles } from "../../client/skill-files.js";
import type { ReleaseChannel } from "../../shared/skills.js";

export const DOCUMENT = "---\nname: weather\ndescription: Tells the weather\n---\nLook out of the window.\n";

export type Deploy = {
  slug?: string;
  version?: string;
  contents?: Record<string, string>;
  releaseChannel?: ReleaseChannel;
  displayName?: string;
  description?: string;
  entryPoint?: string;
  moduleFormat?: "esm" | "cjs";
  actor?: string;
};

export async function deploy(t: Harness, { slug = "weather", version = "1", contents = {}, ...rest }: Deploy = {}) {
  const files = await prepareSkillFiles({ "SKILL.md": DOCUMENT, ...contents });
  return await t.action(async (ctx) => await ctx.runMutation(lib.deployGlobalSkill, { slug, version, files, ...rest }));
}

export async function list(t: Harness, args: { releaseChannel?: ReleaseChannel; status?: "active" | "disabled" } = {}) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.listGlobalSkills, args));
}

export async function setStatus(t: Harness, slug: string, status: "active" | "disabled") {
  return await t.action(async (ctx) => await ctx.runMutation(lib.setGlobalSkillStatus, { slug, status }));
}

export async function deleteSkill(t: Harness, slug: string) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.deleteGlobalSkill, { slug }));
}
