/** Checks what a profile says about how its agent runs, and puts it into the form that hydration hands out. */
import type { Infer } from "convex/values";
import {
  isEnvironmentName,
  MAX_ENVIRONMENT_ENTRIES,
  MAX_HOOK_BYTES,
  MAX_HOOK_COMMANDS,
  MAX_INSTRUCTIONS_BYTES,
  MAX_TOOLS,
  type vHydratedProfile,
} from "../../shared/agent-profile.js";
import { agentFactoryError } from "../../shared/errors.js";
import type { Doc } from "../_generated/dataModel.js";
import { requireIdentifier, requireIntegerBetween, requireTextWithin } from "../validation.js";

type RuntimeProfile = Pick<Doc<"agents">, "instructions" | "model" | "tools" | "environment" | "hooks" | "secretsRef">;

/** @throws `invalid_argument` */
export function requireRuntimeProfile(profile: RuntimeProfile): void {
  requireTextWithin("instructions", profile.instructions ?? "", MAX_INSTRUCTIONS_BYTES);
  if (profile.model !== undefined) requireIdentifier("model", profile.model);
  requireIntegerBetween("tools.length", profile.tools?.length ?? 0, 0, MAX_TOOLS);
  for (const tool of profile.tools ?? []) requireIdentifier("tools", tool);
  for (const kind of ["beforeTurn", "afterTurn"] as const) {
    const commands = profile.hooks?.[kind] ?? [];
    requireIntegerBetween(`hooks.${kind}.length`, commands.length, 0, MAX_HOOK_COMMANDS);
    for (const command of commands) requireTextWithin(`hooks.${kind}`, command, MAX_HOOK_BYTES);
  }
  requireEnvironment(profile);
}

function requireEnvironment({ environment = {}, secretsRef }: RuntimeProfile): void {
  const entries = Object.entries(environment);
  requireIntegerBetween("the number of variables in environment", entries.length, 0, MAX_ENVIRONMENT_ENTRIES);
  for (const [name, secretRef] of entries) {
    const refuse = (message: string) => agentFactoryError("invalid_argument", message, { argument: "environment" });
    if (!isEnvironmentName(name)) {
      throw refuse(
        `environment: ${JSON.stringify(name)} cannot be set. Use letters, digits and underscores, and no name that decides how a process starts.`,
      );
    }
    if (!secretsRef.includes(secretRef)) {
      throw refuse(
        `environment: the secret "${secretRef}" of ${name} is not one of the agent's. Add it to secretsRef first.`,
      );
    }
  }
}

export function hydratedProfile(agent: Doc<"agents">): Infer<typeof vHydratedProfile> {
  return {
    version: agent.version,
    displayName: agent.displayName ?? null,
    instructions: agent.instructions ?? null,
    model: agent.model ?? null,
    tools: agent.tools ?? null,
    hooks: { beforeTurn: agent.hooks?.beforeTurn ?? [], afterTurn: agent.hooks?.afterTurn ?? [] },
  };
}
