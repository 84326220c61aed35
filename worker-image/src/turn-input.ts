/** Makes what a runtime is given for a turn out of what the backend said, and brings the message's files into the workspace. */
import { bridgeEnvironment } from "../../src/shared/bridge.js";
import type { Claim, HydrationBundle } from "../../src/shared/worker-protocol.js";
import { withAttachments } from "./attachments/describe.js";
import { fetchAttachments } from "./attachments/fetch.js";
import type { Logger } from "./logger.js";
import type { StartInput, TurnInput, TurnSkill } from "./runtimes/runtime.js";
import { TurnFailed } from "./turn-failure.js";
import { conversationKey, type ConversationPaths } from "./workspaces/paths.js";

/**
 * What the agent's programs see: its own variables, and those of its bridge unless it has set them itself.
 *
 * @throws TurnFailed for a value that no program can be given; the system's own error would quote it
 */
export function environmentFrom({
  environment,
  bridgeRuntimeConfig,
}: Pick<HydrationBundle, "environment" | "bridgeRuntimeConfig">): Record<string, string> {
  const variables = { ...bridgeEnvironment(bridgeRuntimeConfig), ...environment };
  const broken = Object.entries(variables).find(([, value]) => value.includes("\0"));
  if (broken === undefined) return variables;
  throw new TurnFailed(`The value of ${broken[0]} has a zero byte in it, which no variable can have.`, "config_error");
}

/** For whom the runtime is to be started. */
export function startInputFrom(bundle: HydrationBundle): StartInput {
  const { version, displayName, instructions, model, tools } = bundle.profile;
  const agent = { key: bundle.agentKey, version, displayName, instructions, model, tools };
  return { agent, environment: environmentFrom(bundle) };
}

type TurnPlace = {
  paths: ConversationPaths;
  skills: readonly TurnSkill[];
  signal: AbortSignal;
  logger: Logger;
};

/** @throws TurnFailed, or disk errors, when a file of the message cannot be fetched */
export async function turnInputFrom(
  { messageId, generation }: Pick<Claim, "messageId" | "generation">,
  bundle: HydrationBundle,
  { paths, skills, signal, logger }: TurnPlace,
): Promise<TurnInput> {
  const { attachments = [], messageText } = bundle.payload;
  // Ids are the backend's and may hold any character.
  const folder = conversationKey(messageId).slice(0, 12);
  const fetched = await fetchAttachments(attachments, folder, {
    workspaceDirectory: paths.workspace,
    signal,
    logger,
  });
  return {
    turnId: `${messageId}.${generation}`,
    message: withAttachments(messageText, fetched.attachments, fetched.missing),
    attachments: fetched.attachments,
    skills,
    history: bundle.conversationState.contextHistory,
    ...startInputFrom(bundle),
  };
}
