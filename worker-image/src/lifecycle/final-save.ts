/** Before a worker leaves: saves what its runtimes changed between turns, so that the next machine finds it. */
import type { Conversation } from "../conversations/conversation.js";
import type { ConversationPool } from "../conversations/pool.js";
import { errorMessage, type Logger } from "../logger.js";
import type { Checkpointer, SnapshotReason } from "../workspaces/checkpoint.js";

type FinalSave = {
  conversations: ConversationPool;
  checkpointer: Checkpointer;
  reason: Extract<SnapshotReason, "drain" | "signal">;
  signal: AbortSignal;
  logger: Logger;
};

/** Never throws: what cannot be saved was not part of any answer yet. */
export async function saveChangedWorkspaces({ conversations, signal, logger, ...save }: FinalSave): Promise<void> {
  for (const conversation of conversations.all()) {
    // A dirty folder holds half a turn, which nobody must ever see; and whoever is still busy was given up.
    if (signal.aborted || !conversation.isIdle || !conversation.workspace.isClean) continue;
    const { conversationId } = conversation;
    try {
      await conversation.exclusively(() => saveOne(conversation, { ...save, signal }));
    } catch (error) {
      logger.warn({ conversationId, reason: errorMessage(error) }, "The last changes could not be saved.");
    }
  }
}

async function saveOne(
  conversation: Conversation,
  { checkpointer, reason, signal }: Pick<FinalSave, "checkpointer" | "reason" | "signal">,
): Promise<void> {
  const { workspace, runtime, conversationId } = conversation;
  if (workspace.generation === null) return;
  const resume = conversation.isWarm ? await runtime.quiesce() : async () => {};
  try {
    const { treeDigest, snapshotId } = await checkpointer.save(
      {
        conversationId,
        generation: workspace.generation,
        reason,
        root: workspace.paths.root,
        excludes: workspace.excludes,
        committedDigest: workspace.digestBeforeTurn,
      },
      { signal },
    );
    if (snapshotId !== null) await workspace.commit(treeDigest, snapshotId);
  } finally {
    await resume();
  }
}
