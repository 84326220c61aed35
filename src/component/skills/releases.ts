/** Which version of a skill counts on which channel, and what becomes of the releases before it. */
import type { ReleaseChannel } from "../../shared/skills.js";
import { internal } from "../_generated/api.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/** Releases kept per skill and channel: enough to go back to last month's, few enough to list and delete in one transaction. */
export const RELEASES_KEPT = 10;

function releasesOf(ctx: QueryCtx, skillId: Id<"globalSkills">, releaseChannel: ReleaseChannel) {
  return ctx.db
    .query("globalSkillReleases")
    .withIndex("by_skill", (range) => range.eq("skillId", skillId).eq("releaseChannel", releaseChannel))
    .order("desc");
}

/** The release that agents on the channel get: on `canary`, whichever of both channels' is newer. */
export async function activeRelease(
  ctx: QueryCtx,
  skillId: Id<"globalSkills">,
  releaseChannel: ReleaseChannel,
): Promise<Doc<"globalSkillReleases"> | null> {
  const stable = await releasesOf(ctx, skillId, "stable").first();
  if (releaseChannel === "stable") return stable;
  const canary = await releasesOf(ctx, skillId, "canary").first();
  if (canary === null || stable === null) return canary ?? stable;
  return canary._creationTime > stable._creationTime ? canary : stable;
}

/** Releases a version to a channel, unless it is what counts there already, and forgets what is too old. */
export async function release(
  ctx: MutationCtx,
  { skillId, versionId }: { skillId: Id<"globalSkills">; versionId: Id<"globalSkillVersions"> },
  releaseChannel: ReleaseChannel,
  actor: string | undefined,
): Promise<Id<"globalSkillReleases">> {
  const current = await activeRelease(ctx, skillId, releaseChannel);
  if (current?.versionId === versionId && current.releaseChannel === releaseChannel) return current._id;
  const row = { skillId, versionId, releaseChannel, activatedAt: Date.now() };
  const by = actor === undefined ? {} : { activatedBy: actor };
  const releaseId = await ctx.db.insert("globalSkillReleases", { ...row, ...by });
  const releases = await releasesOf(ctx, skillId, releaseChannel).take(RELEASES_KEPT + 1);
  for (const old of releases.slice(RELEASES_KEPT)) {
    await ctx.db.delete("globalSkillReleases", old._id);
    await removeIfUnreleased(ctx, skillId, old.versionId);
  }
  return releaseId;
}

async function removeIfUnreleased(
  ctx: MutationCtx,
  skillId: Id<"globalSkills">,
  versionId: Id<"globalSkillVersions">,
): Promise<void> {
  const left = await allReleases(ctx, skillId);
  if (!left.some((kept) => kept.versionId === versionId)) await removeVersions(ctx, [versionId]);
}

/** Bounded by {@link RELEASES_KEPT} per channel. */
export async function allReleases(ctx: QueryCtx, skillId: Id<"globalSkills">): Promise<Doc<"globalSkillReleases">[]> {
  return await ctx.db
    .query("globalSkillReleases")
    .withIndex("by_skill", (range) => range.eq("skillId", skillId))
    .take(4 * RELEASES_KEPT);
}

/** Versions are gone at once, so that their numbers are free again; their files follow in batches. */
export async function removeVersions(ctx: MutationCtx, versionIds: Id<"globalSkillVersions">[]): Promise<void> {
  for (const versionId of versionIds) await ctx.db.delete("globalSkillVersions", versionId);
  if (versionIds.length > 0) await ctx.scheduler.runAfter(0, internal.skills.internal.removeFiles, { versionIds });
}
