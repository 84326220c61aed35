/** What a profile says about how an agent runs, as validators, and how large each part may be. */
import { v } from "convex/values";

/** Instructions go into every request to a model; more than this belongs into files or skills. */
export const MAX_INSTRUCTIONS_BYTES = 64 * 1024;
export const MAX_TOOLS = 64;
/** Each variable is a secret that hydration reads and opens. */
export const MAX_ENVIRONMENT_ENTRIES = 32;
/** Commands of one kind of hook, and the length of one: what is longer is a script in the image or the workspace. */
export const MAX_HOOK_COMMANDS = 8;
export const MAX_HOOK_BYTES = 4 * 1024;

const vAgentHooks = v.object({
  /** Shell commands that run in the workspace before the turn, one after the other; at most 5 minutes each. */
  beforeTurn: v.optional(v.array(v.string())),
  /** The same after a turn that succeeded, before its files are saved. */
  afterTurn: v.optional(v.array(v.string())),
});

/** The fields of a profile that the worker and its runtime act on; all optional. */
export const runtimeProfileFields = {
  /** The system prompt. */
  instructions: v.optional(v.string()),
  /** The model to ask, as the runtime's provider names it. */
  model: v.optional(v.string()),
  /** Names of the runtime's tools that the agent may use; all of them when left out. */
  tools: v.optional(v.array(v.string())),
  /** Variables of the agent's turns: name → name of a secret that `secretsRef` lists. */
  environment: v.optional(v.record(v.string(), v.string())),
  hooks: v.optional(vAgentHooks),
};

/** What hydration tells a worker about an agent; the values of its environment travel apart from it. */
export const vHydratedProfile = v.object({
  version: v.string(),
  displayName: v.union(v.string(), v.null()),
  instructions: v.union(v.string(), v.null()),
  model: v.union(v.string(), v.null()),
  tools: v.union(v.array(v.string()), v.null()),
  hooks: v.object({ beforeTurn: v.array(v.string()), afterTurn: v.array(v.string()) }),
});

const RESERVED_NAMES = new Set(["PATH", "HOME", "TMPDIR", "LANG", "SHELL", "IFS", "ENV", "BASH_ENV", "NODE_OPTIONS"]);
const RESERVED_PREFIXES = ["AGENT_FACTORY_", "OPENCLAW_", "LD_", "DYLD_"];

/** Whether a variable may carry a secret: not one that decides what a process is or loads. Pure. */
export function isEnvironmentName(name: string): boolean {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) return false;
  return !RESERVED_NAMES.has(name) && !RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}
