"use client";
/** The conversation of the page, and what one may do in it; says in plain words when the deployment refused something. */
import { useConversation, type SendOptions } from "convex-agent-factory/react";
import { useState } from "react";
import { api } from "../../convex/_generated/api";
import { describeError } from "../../lib/describe-error";

export interface ChatTarget {
  consumerUserId: string;
  agentKey: string;
  /** Entries of the transcript that the page shows. */
  limit: number;
}

export function useChat(target: ChatTarget) {
  const { view, send, cancel } = useConversation(api.agentFactory, target);
  const [problem, setProblem] = useState<string | null>(null);
  /** Resolves to false when it was refused, so that a text can be given back to its writer. */
  async function attempt(action: () => Promise<unknown>): Promise<boolean> {
    setProblem(null);
    try {
      await action();
      return true;
    } catch (error) {
      setProblem(describeError(error));
      return false;
    }
  }
  return {
    view,
    send: (content: string, options?: SendOptions) => attempt(() => send(content, options)),
    cancel: (messageId: string) => attempt(() => cancel(messageId)),
    problem,
    dismissProblem: () => setProblem(null),
  };
}
