/** The administrator's functions about global skills. */
import { v } from "convex/values";
import type { ComponentApi } from "../component/_generated/component.js";
import {
  vModuleFormat,
  vReleaseChannel,
  vSkillDeletion,
  vSkillDeployment,
  vSkillFile,
  vSkillStatus,
  vSkillStatusChange,
  vSkillView,
} from "../shared/skills.js";
import type { Authenticate } from "./auth.js";
import { adminBuilders } from "./builders.js";

/** Who acted is written down as `auth` says it, whatever a client claims. */
export function skillsAdminApi({ lib }: ComponentApi, authenticate: Authenticate) {
  const admin = adminBuilders(authenticate, {});
  return {
    /** Stores a version of a skill and releases it. Make `files` with `prepareSkillFiles`. */
    globalSkillsDeploy: admin.mutation("globalSkillsDeploy")({
      args: {
        slug: v.string(),
        displayName: v.optional(v.string()),
        description: v.optional(v.string()),
        version: v.string(),
        files: v.array(vSkillFile),
        entryPoint: v.optional(v.string()),
        moduleFormat: v.optional(vModuleFormat),
        releaseChannel: v.optional(vReleaseChannel),
      },
      returns: vSkillDeployment,
      handler: async (ctx, args) => await ctx.runMutation(lib.deployGlobalSkill, { ...args, actor: ctx.caller.userId }),
    }),
    globalSkillsList: admin.query("globalSkillsList")({
      args: {
        releaseChannel: v.optional(vReleaseChannel),
        status: v.optional(vSkillStatus),
        limit: v.optional(v.number()),
      },
      returns: v.array(vSkillView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listGlobalSkills, args),
    }),
    globalSkillsSetStatus: admin.mutation("globalSkillsSetStatus")({
      args: { slug: v.string(), status: vSkillStatus },
      returns: vSkillStatusChange,
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.setGlobalSkillStatus, { ...args, actor: ctx.caller.userId }),
    }),
    globalSkillsDelete: admin.mutation("globalSkillsDelete")({
      args: { slug: v.string() },
      returns: vSkillDeletion,
      handler: async (ctx, args) => await ctx.runMutation(lib.deleteGlobalSkill, args),
    }),
  };
}
