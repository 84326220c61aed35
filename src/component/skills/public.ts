/** Registered functions about global skills, for operators. What workers get is among the workers' functions. */
import { v } from "convex/values";
import {
  DEFAULT_RELEASE_CHANNEL,
  vModuleFormat,
  vReleaseChannel,
  vSkillDeletion,
  vSkillDeployment,
  vSkillFile,
  vSkillStatus,
  vSkillStatusChange,
  vSkillView,
} from "../../shared/skills.js";
import { mutation, query } from "../functions.js";
import { deploySkill } from "./deploy.js";
import { deleteSkill, listSkills, setSkillStatus } from "./manage.js";

export const deployGlobalSkill = mutation({
  args: {
    slug: v.string(),
    displayName: v.optional(v.string()),
    description: v.optional(v.string()),
    version: v.string(),
    files: v.array(vSkillFile),
    entryPoint: v.optional(v.string()),
    moduleFormat: v.optional(vModuleFormat),
    releaseChannel: v.optional(vReleaseChannel),
    actor: v.optional(v.string()),
  },
  returns: vSkillDeployment,
  handler: async (ctx, { releaseChannel = DEFAULT_RELEASE_CHANNEL, ...args }) =>
    await deploySkill(ctx, { ...args, releaseChannel }),
});

export const listGlobalSkills = query({
  args: {
    releaseChannel: v.optional(vReleaseChannel),
    status: v.optional(vSkillStatus),
    limit: v.optional(v.number()),
  },
  returns: v.array(vSkillView),
  handler: async (ctx, { releaseChannel = DEFAULT_RELEASE_CHANNEL, ...args }) =>
    await listSkills(ctx, { ...args, releaseChannel }),
});

export const setGlobalSkillStatus = mutation({
  args: { slug: v.string(), status: vSkillStatus, actor: v.optional(v.string()) },
  returns: vSkillStatusChange,
  handler: async (ctx, args) => await setSkillStatus(ctx, args),
});

export const deleteGlobalSkill = mutation({
  args: { slug: v.string() },
  returns: vSkillDeletion,
  handler: async (ctx, { slug }) => await deleteSkill(ctx, slug),
});
