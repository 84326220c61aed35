/** `npm run demo -- --once`: one turn from a cold start, headless, with everything stopped afterwards. */
import { openConversation } from "./conversation.js";
import { countLeftovers, drainFleet, listWorkers } from "./fleet.js";
import { startStack } from "./stack.js";

export type OnceResult = {
  reply: string;
  conversationId: string;
  messageId: string;
  workerId: string;
  machineId: string;
  timings: { enqueuedToClaimedMs: number; enqueuedToReplyMs: number; coldStartMs: number };
  machinesLeft: number;
  volumesLeft: number;
};

/** Throws when any part of the promise is broken: no reply, or something left behind. */
export async function runOnce(message: string, log: (line: string) => void): Promise<OnceResult> {
  const stack = await startStack({ log });
  try {
    const conversation = await openConversation(stack.cloudUrl);
    log("Sending the message; a machine is started for it");
    const turn = await conversation.ask(message).finally(async () => await conversation.close());
    const worker = (await listWorkers(stack)).find(
      ({ isolationKey }) => isolationKey === `conversation:${conversation.conversationId}`,
    );
    if (worker === undefined) throw new Error("No worker is bound to the conversation that was just answered.");
    log("Answered; draining the worker and destroying its machine");
    await drainFleet(stack);
    return {
      reply: turn.reply,
      conversationId: conversation.conversationId,
      messageId: turn.messageId,
      workerId: worker.workerId,
      machineId: worker.machineId ?? "",
      timings: {
        enqueuedToClaimedMs: Math.round(turn.claimedAfterMs),
        enqueuedToReplyMs: Math.round(turn.repliedAfterMs),
        // From the decision to start a machine until its worker had enrolled.
        coldStartMs: Math.round(worker.statusSince - worker.createdAt),
      },
      ...countLeftovers(stack),
    };
  } finally {
    await stack.close();
  }
}
