/** Global skills: what is deployed, in which versions, released to whom. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vModuleFormat, vReleaseChannel, vSkillEntry, vSkillStatus } from "../../shared/skills.js";

export const skillTables = {
  /** One row per skill. Written by deploy, status change and deletion; read by these, by lists and by whoever renews the manifests. */
  globalSkills: defineTable({
    slug: v.string(),
    displayName: v.string(),
    description: v.optional(v.string()),
    status: vSkillStatus,
    updatedAt: v.number(),
    updatedBy: v.optional(v.string()),
  }).index("by_slug", ["slug"]),

  /** One row per version, which never changes. Written by deploy; removed when no release that is kept names it. */
  globalSkillVersions: defineTable({
    skillId: v.id("globalSkills"),
    version: v.string(),
    /** Of the whole bundle. */
    sha256: v.string(),
    moduleFormat: v.union(vModuleFormat, v.null()),
    entryPoint: v.union(v.string(), v.null()),
    fileCount: v.number(),
    sizeBytes: v.number(),
    createdAt: v.number(),
    createdBy: v.optional(v.string()),
  }).index("by_skill", ["skillId", "version"]),

  /** One row per file of a version, so that no document comes near its limit. Removed in the background, after its version. */
  globalSkillFiles: defineTable({
    versionId: v.id("globalSkillVersions"),
    path: v.string(),
    content: v.string(),
    sha256: v.string(),
  }).index("by_version", ["versionId", "path"]),

  /** One row per release; the newest of a skill and channel counts. Written by deploy, which keeps the newest few. */
  globalSkillReleases: defineTable({
    skillId: v.id("globalSkills"),
    versionId: v.id("globalSkillVersions"),
    releaseChannel: vReleaseChannel,
    activatedAt: v.number(),
    activatedBy: v.optional(v.string()),
  }).index("by_skill", ["skillId", "releaseChannel"]),

  /**
   * One row per channel, derived from the four tables above in every transaction that changes them, so that hydration reads
   * one document. Read by hydration and by workers.
   */
  globalSkillManifests: defineTable({
    releaseChannel: vReleaseChannel,
    manifestVersion: v.string(),
    updatedAt: v.number(),
    skills: v.array(vSkillEntry.extend({ versionId: v.id("globalSkillVersions") })),
  }).index("by_channel", ["releaseChannel"]),
};
