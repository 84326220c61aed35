/** Talks to the example's agent as a browser does: over one live connection, watching the conversation change. */
import { ConvexHttpClient, type ConvexClient } from "convex/browser";
import { api } from "../../example/convex/_generated/api.js";
import type { ConversationView } from "../../src/shared/views.js";
import { connect, signIn } from "./session.js";

const AGENT_KEY = "default";
/** The most a view shows. */
const MAX_VIEW = 200;

export type Turn = {
  messageId: string;
  reply: string;
  /** ms since the message was accepted, as this client saw it. */
  claimedAfterMs: number;
  repliedAfterMs: number;
  /** The longest text of the running turn seen before the reply was complete. */
  streamed: string[];
};

export interface Conversation {
  readonly userId: string;
  readonly conversationId: string;
  readonly client: ConvexClient;
  view(): Promise<ConversationView>;
  send(text: string): Promise<string>;
  /** Sends and waits for the answer. */
  ask(text: string, timeoutMs?: number): Promise<Turn>;
  /** Resolves once `isReached` holds for the view. */
  waitFor(isReached: (view: ConversationView) => boolean, timeoutMs?: number): Promise<ConversationView>;
  close(): Promise<void>;
}

/** Signs a new user in and gives them their agent. */
export async function openConversation(cloudUrl: string): Promise<Conversation> {
  const session = await signIn(new ConvexHttpClient(cloudUrl, { logger: false }));
  const client = connect(cloudUrl, session);
  await client.mutation(api.myAgent.ensure, {});
  const target = { consumerUserId: session.userId, agentKey: AGENT_KEY };
  const watched = { ...target, limit: MAX_VIEW };
  const view = async () => await client.query(api.agentFactory.getConversationViewForUserAgent, watched);
  const send = async (content: string) =>
    await client.mutation(api.agentFactory.sendMessageToUserAgent, { ...target, content });

  const watch = (onView: (view: ConversationView) => void, onError: (error: Error) => void) =>
    client.onUpdate(api.agentFactory.getConversationViewForUserAgent, watched, onView, onError);

  const waitFor: Conversation["waitFor"] = async (isReached, timeoutMs = 60_000) =>
    await new Promise((resolve, reject) => {
      let last: ConversationView | null = null;
      const end = (act: () => void) => {
        clearTimeout(timer);
        stop();
        act();
      };
      const timer = setTimeout(
        () => end(() => reject(new Error(`Not reached within ${timeoutMs} ms. Last seen: ${describe(last)}`))),
        timeoutMs,
      );
      const stop = watch(
        (current) => {
          last = current;
          if (isReached(current)) end(() => resolve(current));
        },
        (error) => end(() => reject(error)),
      );
    });

  const ask: Conversation["ask"] = async (text, timeoutMs = 60_000) => {
    const answersBefore = countReplies(await view());
    const streamed: string[] = [];
    let claimedAt = 0;
    const messageId = await send(text);
    const sentAt = performance.now();
    const answered = await waitFor((current) => {
      const { liveTurn } = current;
      if (liveTurn?.messageId === messageId) {
        claimedAt ||= performance.now();
        if (liveTurn.text !== "" && liveTurn.text !== streamed.at(-1)) streamed.push(liveTurn.text);
      }
      return countReplies(current) > answersBefore && !current.queueItems.some(({ _id }) => _id === messageId);
    }, timeoutMs);
    const now = performance.now();
    return {
      messageId,
      reply: answered.contextHistory.filter(({ role }) => role === "assistant").at(-1)?.content ?? "",
      claimedAfterMs: (claimedAt || now) - sentAt,
      repliedAfterMs: now - sentAt,
      streamed,
    };
  };

  const { conversationId } = await view();
  return {
    userId: session.userId,
    conversationId,
    client,
    view,
    send,
    ask,
    waitFor,
    close: async () => {
      await client.close();
    },
  };
}

function countReplies(view: ConversationView): number {
  return view.contextHistory.filter(({ role }) => role === "assistant").length;
}

function describe(view: ConversationView | null): string {
  if (view === null) return "nothing";
  const { contextHistory, queueItems, liveTurn } = view;
  const items = queueItems.map(({ status, attempts, lastError, waitingReason }) => ({
    status,
    attempts,
    lastError,
    waitingReason,
  }));
  return JSON.stringify({ entries: contextHistory.length, items, streaming: liveTurn?.text.slice(0, 80) });
}
