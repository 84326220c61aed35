/** Lists skills, switches them off and on, and deletes them. */
import { MAX_SKILLS } from "../../shared/skill-bundle.js";
import type { ReleaseChannel, SkillView } from "../../shared/skills.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { boundedLimit } from "../validation.js";
import { findSkill } from "./deploy.js";
import { renewManifests } from "./manifest.js";
import { activeRelease, allReleases, removeVersions } from "./releases.js";

type SkillStatus = Doc<"globalSkills">["status"];

/** In the order of their slugs. @throws `invalid_argument` */
export async function listSkills(
  ctx: QueryCtx,
  {
    releaseChannel,
    status,
    limit,
  }: { releaseChannel: ReleaseChannel; status?: SkillStatus | undefined; limit?: number | undefined },
): Promise<SkillView[]> {
  const bound = boundedLimit(limit, MAX_SKILLS, MAX_SKILLS);
  const skills = await ctx.db.query("globalSkills").withIndex("by_slug").take(MAX_SKILLS);
  const wanted = skills.filter((skill) => status === undefined || skill.status === status).slice(0, bound);
  const views: SkillView[] = [];
  for (const { _id, slug, displayName, description, status: itsStatus, updatedAt } of wanted) {
    const found = await releaseView(ctx, await activeRelease(ctx, _id, releaseChannel));
    const about = description === undefined ? {} : { description };
    views.push({ skillId: _id, slug, displayName, ...about, status: itsStatus, updatedAt, activeRelease: found });
  }
  return views;
}

async function releaseView(
  ctx: QueryCtx,
  release: Doc<"globalSkillReleases"> | null,
): Promise<SkillView["activeRelease"]> {
  const version = release && (await ctx.db.get("globalSkillVersions", release.versionId));
  if (release === null || version === null) return null;
  return {
    releaseId: release._id,
    versionId: version._id,
    version: version.version,
    sha256: version.sha256,
    moduleFormat: version.moduleFormat,
    entryPoint: version.entryPoint,
    releaseChannel: release.releaseChannel,
    activatedAt: release.activatedAt,
  };
}

/** `updated: false` when there is no such skill, or it was that already. @throws `invalid_argument` as {@link renewManifests} */
export async function setSkillStatus(
  ctx: MutationCtx,
  { slug, status, actor }: { slug: string; status: SkillStatus; actor?: string | undefined },
) {
  const skill = await findSkill(ctx, slug);
  if (skill === null || skill.status === status) return { updated: false, slug, status };
  const by = actor === undefined ? {} : { updatedBy: actor };
  await ctx.db.patch("globalSkills", skill._id, { status, updatedAt: Date.now(), ...by });
  await renewManifests(ctx);
  ctx.log.info("skill_status_changed", { slug, status });
  return { updated: true, slug, status };
}

/** Gone at once from every manifest; files follow in the background. */
export async function deleteSkill(ctx: MutationCtx, slug: string) {
  const skill = await findSkill(ctx, slug);
  if (skill === null) return { deleted: false, slug, deletedVersions: 0, deletedReleases: 0 };
  const releases = await allReleases(ctx, skill._id);
  for (const { _id } of releases) await ctx.db.delete("globalSkillReleases", _id);
  const versionIds = [...new Set(releases.map(({ versionId }) => versionId))];
  await removeVersions(ctx, versionIds);
  await ctx.db.delete("globalSkills", skill._id);
  await renewManifests(ctx);
  ctx.log.info("skill_deleted", { slug });
  return { deleted: true, slug, deletedVersions: versionIds.length, deletedReleases: releases.length };
}
