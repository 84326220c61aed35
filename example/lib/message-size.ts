/** How much of the size a message may have a text uses, counted as the server counts: in UTF-8 bytes. */
import { MAX_MESSAGE_TEXT_BYTES } from "convex-agent-factory";

export interface MessageSize {
  bytes: number;
  maxBytes: number;
  /** Nothing is shown before a text comes near the limit. */
  level: "fine" | "near" | "over";
}

const NEAR_SHARE = 0.8;

export function measureMessage(text: string): MessageSize {
  const bytes = new TextEncoder().encode(text).length;
  const maxBytes = MAX_MESSAGE_TEXT_BYTES;
  const level = bytes > maxBytes ? "over" : bytes >= NEAR_SHARE * maxBytes ? "near" : "fine";
  return { bytes, maxBytes, level };
}
