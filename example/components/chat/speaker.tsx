"use client";
/** Says to screen readers what the eye sees being written, a few sentences at a time. */
import { useEffect, useRef, useState } from "react";
import { spokenFiles } from "../../lib/files";
import { nextSentences } from "../../lib/spoken-text";
import type { TimelineEntry } from "../../lib/timeline";
import type { ConversationView } from "../../lib/views";

/** Enough to be read out by the slowest voice before it is dropped; older ones have been said. */
const KEPT_UTTERANCES = 20;

interface Utterance {
  id: number;
  text: string;
}

export function Speaker({
  liveTurn,
  lastReply,
}: {
  liveTurn: ConversationView["liveTurn"];
  lastReply: Pick<TimelineEntry, "at" | "content" | "files"> | null;
}) {
  const [utterances, setUtterances] = useState<Utterance[]>([]);
  const progress = useRef({ turn: "", spokenEnd: 0, replyAt: lastReply?.at ?? 0 });
  const nextId = useRef(0);

  useEffect(() => {
    const say = (text: string) => {
      if (text === "") return;
      const utterance = { id: nextId.current++, text };
      setUtterances((said) => [...said, utterance].slice(-KEPT_UTTERANCES));
    };
    const state = progress.current;
    if (liveTurn !== null) {
      const turn = `${liveTurn.messageId}:${liveTurn.attempt}`;
      if (state.turn !== turn) {
        state.turn = turn;
        state.spokenEnd = 0;
        say("Your agent is answering.");
      }
      const { spoken, end } = nextSentences(liveTurn.text, state.spokenEnd);
      state.spokenEnd = end;
      say(spoken);
    } else if (lastReply !== null && lastReply.at > state.replyAt) {
      // The rest of a text that was followed while it was written, or all of one that came at once.
      say(lastReply.content.slice(state.spokenEnd).trim());
      say(spokenFiles(lastReply.files));
      state.replyAt = lastReply.at;
      state.spokenEnd = 0;
    }
  }, [liveTurn, lastReply]);

  return (
    <div role="log" aria-live="polite" aria-relevant="additions" className="sr-only">
      {utterances.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
