"use client";
/** The chat page: sees to it that the visitor has an agent, then shows the conversation and the workspace beside it. */
import { useMutation } from "convex/react";
import { useEffect, useRef, useState } from "react";
import { api } from "../../convex/_generated/api";
import { describeError } from "../../lib/describe-error";
import { SessionFailure } from "../session/session-failure";
import { useSession } from "../session/session-provider";
import { useMe } from "../session/use-me";
import { Button } from "../ui/button";
import { Notice } from "../ui/notice";
import { Conversation } from "./conversation";
import { ConversationSkeleton } from "./conversation-skeleton";
import { WorkspacePanel } from "./workspace-panel";

export function ChatScreen() {
  const { failure } = useSession();
  const me = useMe();
  const agentKey = me?.agentKey ?? null;
  const { error, retry } = useEnsureAgent(me !== undefined && agentKey === null);

  if (failure !== null) return <SessionFailure />;
  if (me !== undefined && agentKey !== null) {
    return (
      <div className="flex min-h-0 flex-1">
        <Conversation consumerUserId={me.userId} agentKey={agentKey} />
        <WorkspacePanel consumerUserId={me.userId} agentKey={agentKey} />
      </div>
    );
  }
  if (error !== null) {
    return (
      <main className="mx-auto w-full max-w-2xl px-5 py-10">
        <Notice tone="bad" title="There is no agent for you yet" action={<Button onClick={retry}>Try again</Button>}>
          {error}
        </Notice>
      </main>
    );
  }
  return <ConversationSkeleton />;
}

/** Binds the visitor to the default agent at their first visit; asking twice would be harmless, once is enough. */
function useEnsureAgent(isMissing: boolean): { error: string | null; retry: () => void } {
  const ensure = useMutation(api.myAgent.ensure);
  const [error, setError] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  const startedAttempt = useRef(-1);
  useEffect(() => {
    if (!isMissing || startedAttempt.current === attempt) return;
    startedAttempt.current = attempt;
    ensure({}).then(
      () => setError(null),
      (failure: unknown) => setError(describeError(failure)),
    );
  }, [isMissing, attempt, ensure]);
  return {
    error: isMissing ? error : null,
    retry: () => {
      setError(null);
      setAttempt((count) => count + 1);
    },
  };
}
