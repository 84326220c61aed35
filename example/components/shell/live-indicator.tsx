"use client";
/** One word in the top bar: is this page live? */
import { StatusLabel } from "../ui/status-label";
import type { Tone } from "../ui/tone";
import { useConnection, type Connection } from "./connection";

const LABELS: Record<Connection, { tone: Tone; word: string }> = {
  connecting: { tone: "quiet", word: "Connecting" },
  live: { tone: "good", word: "Live" },
  lost: { tone: "wait", word: "Reconnecting" },
  offline: { tone: "wait", word: "Offline" },
};

export function LiveIndicator() {
  const { connection } = useConnection();
  const { tone, word } = LABELS[connection];
  return (
    <span data-testid="connection" data-connection={connection}>
      <StatusLabel tone={tone} live={connection !== "live"}>
        {word}
      </StatusLabel>
    </span>
  );
}
