/** The optimistic half of sending: a message is on the page before the deployment has confirmed it. Pure. */
import type { Attachment, UploadedFile } from "../shared/payload.js";
import type { ConversationView, QueueItemView } from "../shared/views.js";

/** Marks what the deployment has not confirmed yet. */
const UNCONFIRMED_PREFIX = "unconfirmed:";

/** True for a queue item that exists on this page only, until the deployment answers. */
export function isUnconfirmed(item: Pick<QueueItemView, "_id">): boolean {
  return item._id.startsWith(UNCONFIRMED_PREFIX);
}

export type UnconfirmedMessage = { agentKey: string; content: string; attachments?: UploadedFile[] };

/** The view with the message at its end, as the queue will most likely hold it in a moment. */
export function withUnconfirmed(view: ConversationView, message: UnconfirmedMessage, now: number): ConversationView {
  const item: QueueItemView = {
    // Several may be on their way at once, also in the same millisecond.
    _id: `${UNCONFIRMED_PREFIX}${now}:${view.queueItems.length}`,
    _creationTime: now,
    conversationId: view.conversationId,
    agentKey: message.agentKey,
    status: "queued",
    priority: 0,
    scheduledFor: now,
    attempts: 0,
    maxAttempts: 1,
    lastError: null,
    payload: {
      provider: "app",
      providerUserId: "",
      messageText: message.content,
      ...(message.attachments === undefined ? {} : { attachments: message.attachments.map(unconfirmedFile) }),
    },
    waitingReason: null,
  };
  return { ...view, queueItems: [...view.queueItems, item], hasQueuedJobs: true };
}

/** What of a file is known before the deployment has looked at it. */
function unconfirmedFile({ kind = "document", ...file }: UploadedFile): Attachment {
  return { kind, ...file, status: "ready", expiresAt: 0 };
}
