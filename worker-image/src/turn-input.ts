/** Makes what a runtime is given for a turn out of what the backend said, and brings the message's files into the workspace. */
import type { Claim, HydrationBundle } from "../../src/shared/worker-protocol.js";
import { withAttachments } from "./attachments/describe.js";
import { fetchAttachments } from "./attachments/fetch.js";
import type { Logger } from "./logger.js";
import type { StartInput, TurnInput } from "./runtimes/runtime.js";
import { conversationKey, type ConversationPaths } from "./workspaces/paths.js";

/** For whom the runtime is to be started. */
export function startInputFrom({ agentKey, profile, environment }: HydrationBundle): StartInput {
  const { version, displayName, instructions, model, tools } = profile;
  return { agent: { key: agentKey, version, displayName, instructions, model, tools }, environment };
}

/** @throws TurnFailed, or disk errors, when a file of the message cannot be fetched */
export async function turnInputFrom(
  { messageId, generation }: Pick<Claim, "messageId" | "generation">,
  bundle: HydrationBundle,
  { paths, signal, logger }: { paths: ConversationPaths; signal: AbortSignal; logger: Logger },
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
    history: bundle.conversationState.contextHistory,
    ...startInputFrom(bundle),
  };
}
