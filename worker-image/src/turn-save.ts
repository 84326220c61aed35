/** Saves what a turn has changed, while the last of what it said is still being streamed. */
import type { Claim } from "../../src/shared/worker-protocol.js";
import type { CallPolicy } from "./backend/session.js";
import type { Conversation } from "./conversations/conversation.js";
import type { DeltaStream } from "./delta-stream.js";
import { errorMessage, type Logger } from "./logger.js";
import type { Checkpoint, Checkpointer } from "./workspaces/checkpoint.js";

type Saving = { checkpointer: Checkpointer; policy: CallPolicy & { signal: AbortSignal }; logger: Logger };

/** @throws what {@link Checkpointer.save} throws */
export async function saveTurn(
  { conversationId, generation }: Pick<Claim, "conversationId" | "generation">,
  conversation: Conversation,
  deltas: DeltaStream,
  { checkpointer, policy, logger }: Saving,
): Promise<Checkpoint> {
  const { workspace } = conversation;
  const { paths, digestBeforeTurn: committedDigest } = workspace;
  const request = { conversationId, generation, reason: "checkpoint", root: paths.root, committedDigest } as const;
  const resume = await conversation.quiesce();
  try {
    // Both are waited for, whatever happens to one: nothing may use the folder after this.
    const [saved, streamed] = await Promise.allSettled([
      checkpointer.save({ ...request, excludes: workspace.excludes }, policy),
      deltas.finish(),
    ]);
    if (saved.status === "rejected") throw saved.reason;
    if (streamed.status === "rejected") {
      // The whole reply goes with the completion; its last streamed words are for those who watch.
      logger.warn({ reason: errorMessage(streamed.reason) }, "The end of the reply could not be streamed.");
    }
    return saved.value;
  } finally {
    await resume();
  }
}
