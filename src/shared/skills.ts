/** Global skills: bundles of files that an operator deploys and every agent's workspace gets. Validators, and the types made from them. */
import { v, type Infer } from "convex/values";

/** What `files` of a manifest are laid out as: one folder per skill, named `skillDirName`, below the folder of skills. */
export const SKILL_LAYOUT_VERSION = "openclaw-workspace-skill-v1";

/** `canary` is `stable` with whatever has been released to it since. */
export const vReleaseChannel = v.union(v.literal("stable"), v.literal("canary"));
export type ReleaseChannel = Infer<typeof vReleaseChannel>;
export const RELEASE_CHANNELS = ["stable", "canary"] as const satisfies readonly ReleaseChannel[];
export const DEFAULT_RELEASE_CHANNEL: ReleaseChannel = "stable";

/** `disabled`: in no manifest, until it is enabled again. */
export const vSkillStatus = v.union(v.literal("active"), v.literal("disabled"));

export const vModuleFormat = v.union(v.literal("esm"), v.literal("cjs"));
export type ModuleFormat = Infer<typeof vModuleFormat>;

/** `sha256` is that of the content in UTF-8, in hex. */
export const vSkillFile = v.object({ path: v.string(), content: v.string(), sha256: v.string() });
export type SkillFile = Infer<typeof vSkillFile>;

/** A skill of instructions only has no entry point. */
const entry = { moduleFormat: v.union(vModuleFormat, v.null()), entryPoint: v.union(v.string(), v.null()) };

/** What a skill is in a manifest, its files apart. */
export const vSkillEntry = v.object({
  slug: v.string(),
  version: v.string(),
  ...entry,
  /** Of the whole bundle: see `bundleDigestText`. */
  sha256: v.string(),
});

export const vManifestSkill = vSkillEntry.extend({
  skillDirName: v.string(),
  /**
   * Empty for a bundle that the caller has said to have, and for one that had no room in this answer: ask again, naming
   * what has come. A bundle itself is never empty.
   */
  files: v.array(vSkillFile),
});
export type ManifestSkill = Infer<typeof vManifestSkill>;

export const vSkillManifest = v.object({
  layoutVersion: v.literal(SKILL_LAYOUT_VERSION),
  /** The same for the same skills in the same versions, and only for these. */
  manifestVersion: v.string(),
  /** When the channel last changed, ms. */
  generatedAt: v.number(),
  releaseChannel: vReleaseChannel,
  skills: v.array(vManifestSkill),
});
export type SkillManifest = Infer<typeof vSkillManifest>;

/** What a turn is told: whether its worker has to ask for the manifest at all. */
export const vSkillManifestPointer = v.object({ releaseChannel: vReleaseChannel, manifestVersion: v.string() });
export type SkillManifestPointer = Infer<typeof vSkillManifestPointer>;

/** Bundles a worker may say to have: those of both channels, and as many that have just been replaced. */
export const MAX_KNOWN_BUNDLES = 256;
/** The version of a manifest without skills. */
export const EMPTY_MANIFEST_VERSION = "empty";

export const vSkillDeployment = v.object({
  skillId: v.string(),
  versionId: v.string(),
  releaseId: v.string(),
  slug: v.string(),
  version: v.string(),
  sha256: v.string(),
  releaseChannel: vReleaseChannel,
});
export type SkillDeployment = Infer<typeof vSkillDeployment>;

export const vSkillView = v.object({
  skillId: v.string(),
  slug: v.string(),
  displayName: v.string(),
  description: v.optional(v.string()),
  status: vSkillStatus,
  updatedAt: v.number(),
  /** What agents on the channel asked about get; `null` when nothing has been released to it. */
  activeRelease: v.union(
    v.object({
      releaseId: v.string(),
      versionId: v.string(),
      version: v.string(),
      sha256: v.string(),
      ...entry,
      releaseChannel: vReleaseChannel,
      activatedAt: v.number(),
    }),
    v.null(),
  ),
});
export type SkillView = Infer<typeof vSkillView>;

export const vSkillStatusChange = v.object({ updated: v.boolean(), slug: v.string(), status: vSkillStatus });
export const vSkillDeletion = v.object({
  deleted: v.boolean(),
  slug: v.string(),
  deletedVersions: v.number(),
  deletedReleases: v.number(),
});
