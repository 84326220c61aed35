/** Derives what every agent on a channel gets, and hands it to workers. The only writer of `globalSkillManifests`. */
import { agentFactoryError } from "../../shared/errors.js";
import { MAX_SKILL_BUNDLE_BYTES, MAX_MANIFEST_BYTES, MAX_SKILL_FILES, MAX_SKILLS } from "../../shared/skill-bundle.js";
import {
  EMPTY_MANIFEST_VERSION,
  RELEASE_CHANNELS,
  SKILL_LAYOUT_VERSION,
  type ReleaseChannel,
  type SkillManifest,
  type SkillManifestPointer,
} from "../../shared/skills.js";
import type { Doc } from "../_generated/dataModel.js";
import { sha256Hex } from "../digest.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { byteLength } from "../validation.js";
import { activeRelease } from "./releases.js";

type Listed = Doc<"globalSkillManifests">["skills"];

/**
 * Derives the manifests of all channels anew. Call it in every transaction that changes a skill or a release.
 *
 * @throws `invalid_argument` when the skills of a channel would not fit into one call
 */
export async function renewManifests(ctx: MutationCtx): Promise<void> {
  const skills = await ctx.db.query("globalSkills").withIndex("by_slug").take(MAX_SKILLS);
  const active = skills.filter(({ status }) => status === "active");
  for (const releaseChannel of RELEASE_CHANNELS) {
    const listed: Listed = [];
    let bytes = 0;
    for (const { _id, slug } of active) {
      const released = await activeRelease(ctx, _id, releaseChannel);
      const version = released && (await ctx.db.get("globalSkillVersions", released.versionId));
      if (version === null) continue;
      bytes += version.sizeBytes;
      const { sha256, moduleFormat, entryPoint } = version;
      listed.push({ slug, version: version.version, moduleFormat, entryPoint, sha256, versionId: version._id });
    }
    if (bytes > MAX_MANIFEST_BYTES) {
      throw agentFactoryError(
        "invalid_argument",
        `The skills of the channel ${releaseChannel} would have ${bytes} bytes together; at most ${MAX_MANIFEST_BYTES} are accepted. ` +
          "Disable or shrink some.",
      );
    }
    await save(ctx, releaseChannel, listed);
  }
}

async function save(ctx: MutationCtx, releaseChannel: ReleaseChannel, skills: Listed): Promise<void> {
  const manifestVersion =
    skills.length === 0
      ? EMPTY_MANIFEST_VERSION
      : await sha256Hex(
          JSON.stringify(
            skills.map(({ slug, version, sha256, moduleFormat, entryPoint }) => [
              slug,
              version,
              sha256,
              moduleFormat,
              entryPoint,
            ]),
          ),
        );
  const existing = await findManifest(ctx, releaseChannel);
  const row = { releaseChannel, manifestVersion, updatedAt: Date.now(), skills };
  if (existing === null) await ctx.db.insert("globalSkillManifests", row);
  // What has not changed is not written, so that nobody who has read it is disturbed.
  else if (existing.manifestVersion !== manifestVersion)
    await ctx.db.replace("globalSkillManifests", existing._id, row);
}

async function findManifest(ctx: QueryCtx, releaseChannel: ReleaseChannel) {
  return await ctx.db
    .query("globalSkillManifests")
    .withIndex("by_channel", (range) => range.eq("releaseChannel", releaseChannel))
    .unique();
}

/** For hydration. Reads one document. */
export async function manifestPointer(ctx: QueryCtx, releaseChannel: ReleaseChannel): Promise<SkillManifestPointer> {
  const manifest = await findManifest(ctx, releaseChannel);
  return { releaseChannel, manifestVersion: manifest?.manifestVersion ?? EMPTY_MANIFEST_VERSION };
}

/**
 * The whole channel as of one moment; without the files of bundles in `known` (by their SHA-256), nor of those that are too
 * much for one answer: a slow line must get it before anybody takes the connection for dead.
 */
export async function readManifest(
  ctx: QueryCtx,
  releaseChannel: ReleaseChannel,
  known: readonly string[],
): Promise<SkillManifest> {
  const manifest = await findManifest(ctx, releaseChannel);
  const skills: SkillManifest["skills"] = [];
  let room = MAX_SKILL_BUNDLE_BYTES;
  for (const { versionId, ...skill } of manifest?.skills ?? []) {
    const rows =
      known.includes(skill.sha256) || room <= 0
        ? []
        : await ctx.db
            .query("globalSkillFiles")
            .withIndex("by_version", (range) => range.eq("versionId", versionId))
            .take(MAX_SKILL_FILES);
    const files = rows.map(({ path, content, sha256 }) => ({ path, content, sha256 }));
    for (const { content } of files) room -= byteLength(content);
    skills.push({ ...skill, skillDirName: skill.slug, files });
  }
  return {
    layoutVersion: SKILL_LAYOUT_VERSION,
    manifestVersion: manifest?.manifestVersion ?? EMPTY_MANIFEST_VERSION,
    generatedAt: manifest?.updatedAt ?? 0,
    releaseChannel,
    skills,
  };
}
