/** Takes a bundle in: checks it, stores it as a version, releases it to a channel. */
import { agentFactoryError } from "../../shared/errors.js";
import {
  bundleDigestText,
  isSkillSlug,
  MAX_SKILLS,
  MAX_SLUG_CHARACTERS,
  resolveEntryPoint,
  SKILL_DOCUMENT,
  skillBundleProblem,
  summarizeSkillDocument,
  type EntryPoint,
  type SkillSummary,
} from "../../shared/skill-bundle.js";
import type { ModuleFormat, ReleaseChannel, SkillDeployment, SkillFile } from "../../shared/skills.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { sha256Hex } from "../digest.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { byteLength, requireIdentifier, requireTextWithin } from "../validation.js";
import { renewManifests } from "./manifest.js";
import { release } from "./releases.js";

/** The limit of the Agent Skills format; it is read by a model in every turn. */
const MAX_DESCRIPTION_BYTES = 4 * 1024;
const MAX_NAME_BYTES = 256;

export type Deployment = {
  slug: string;
  displayName?: string | undefined;
  description?: string | undefined;
  version: string;
  files: SkillFile[];
  entryPoint?: string | undefined;
  moduleFormat?: ModuleFormat | undefined;
  releaseChannel: ReleaseChannel;
  actor?: string | undefined;
};

type Bundle = EntryPoint & { sha256: string; sizeBytes: number; summary: SkillSummary };

/**
 * Deploying the same bundle again changes nothing; under a version that exists, only that very bundle is accepted, which
 * releases it to another channel or goes back to it.
 *
 * @throws `invalid_argument`
 */
export async function deploySkill(ctx: MutationCtx, deployment: Deployment): Promise<SkillDeployment> {
  const { slug, version, releaseChannel } = deployment;
  if (!isSkillSlug(slug)) {
    throw refused(
      "slug",
      `slug must be lowercase words of letters and digits joined by dashes, at most ${MAX_SLUG_CHARACTERS} long.`,
    );
  }
  requireIdentifier("version", version);
  if (deployment.actor !== undefined) requireIdentifier("actor", deployment.actor);
  requireTextWithin("displayName", deployment.displayName ?? "", MAX_NAME_BYTES);
  requireTextWithin("description", deployment.description ?? "", MAX_DESCRIPTION_BYTES);
  const bundle = await checkBundle(deployment);
  const skillId = await saveSkill(ctx, deployment, bundle.summary);
  const versionId = await saveVersion(ctx, skillId, deployment, bundle);
  const releaseId = await release(ctx, { skillId, versionId }, releaseChannel, deployment.actor);
  await renewManifests(ctx);
  const { sha256 } = bundle;
  ctx.log.info("skill_deployed", { slug, version, releaseChannel, sha256 });
  return { skillId, versionId, releaseId, slug, version, sha256, releaseChannel };
}

/** Claimed digests are computed again: what workers verify must be what was meant, not what was mangled on the way here. */
async function checkBundle({ files, entryPoint, moduleFormat }: Deployment): Promise<Bundle> {
  const listed = files.map(({ path, sha256, content }) => ({ path, sha256, sizeBytes: byteLength(content) }));
  const problem = skillBundleProblem(listed);
  if (problem !== null) throw refused("files", problem);
  for (const { path, content, sha256 } of files) {
    if ((await sha256Hex(content)) !== sha256)
      throw refused("files", `The sha256 of ${path} is not that of its content.`);
  }
  const paths = listed.map(({ path }) => path);
  const entry = resolveEntryPoint(paths, { entryPoint, moduleFormat });
  if ("problem" in entry) throw refused("entryPoint", entry.problem);
  const document = files.find(({ path }) => path === SKILL_DOCUMENT)?.content ?? "";
  const summary = summarizeSkillDocument(document);
  if ("problem" in summary) throw refused("files", summary.problem);
  const sizeBytes = listed.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { ...entry, sizeBytes, summary, sha256: await sha256Hex(bundleDigestText(files)) };
}

export async function findSkill(ctx: QueryCtx, slug: string): Promise<Doc<"globalSkills"> | null> {
  return await ctx.db
    .query("globalSkills")
    .withIndex("by_slug", (range) => range.eq("slug", slug))
    .unique();
}

async function saveSkill(
  ctx: MutationCtx,
  { slug, actor, ...given }: Deployment,
  summary: SkillSummary,
): Promise<Id<"globalSkills">> {
  const existing = await findSkill(ctx, slug);
  const displayName = given.displayName ?? existing?.displayName ?? summary.name.slice(0, MAX_NAME_BYTES / 4);
  const description =
    given.description ?? summary.description?.slice(0, MAX_DESCRIPTION_BYTES / 4) ?? existing?.description;
  const row = {
    slug,
    displayName,
    status: existing?.status ?? ("active" as const),
    updatedAt: Date.now(),
    ...(description === undefined ? {} : { description }),
    ...(actor === undefined ? {} : { updatedBy: actor }),
  };
  if (existing !== null) {
    await ctx.db.replace("globalSkills", existing._id, row);
    return existing._id;
  }
  const others = await ctx.db.query("globalSkills").withIndex("by_slug").take(MAX_SKILLS);
  if (others.length >= MAX_SKILLS) {
    throw refused(
      "slug",
      `There are ${MAX_SKILLS} skills already, which is as many as there may be. Delete one first.`,
    );
  }
  return await ctx.db.insert("globalSkills", row);
}

async function saveVersion(
  ctx: MutationCtx,
  skillId: Id<"globalSkills">,
  { slug, version, files, actor }: Deployment,
  { sha256, sizeBytes, entryPoint, moduleFormat }: Bundle,
): Promise<Id<"globalSkillVersions">> {
  const existing = await ctx.db
    .query("globalSkillVersions")
    .withIndex("by_skill", (range) => range.eq("skillId", skillId).eq("version", version))
    .unique();
  if (existing !== null) {
    if (existing.sha256 === sha256 && existing.entryPoint === entryPoint && existing.moduleFormat === moduleFormat)
      return existing._id;
    throw refused(
      "version",
      `Version ${version} of the skill ${slug} has other content, and versions never change. Use a new one.`,
    );
  }
  const row = {
    skillId,
    version,
    sha256,
    moduleFormat,
    entryPoint,
    fileCount: files.length,
    sizeBytes,
    createdAt: Date.now(),
    ...(actor === undefined ? {} : { createdBy: actor }),
  };
  const versionId = await ctx.db.insert("globalSkillVersions", row);
  for (const { path, content, sha256: fileSha256 } of files) {
    await ctx.db.insert("globalSkillFiles", { versionId, path, content, sha256: fileSha256 });
  }
  return versionId;
}

function refused(argument: string, message: string) {
  return agentFactoryError("invalid_argument", message, { argument });
}
