/**
 * What a conversation's transcript holds and OpenClaw does not: told once, in front of the first message that OpenClaw gets of the
 * conversation, e.g. after another runtime had it or when the snapshot with its state has expired.
 */
import { join } from "node:path";
import type { TranscriptEntry } from "../../../../src/shared/payload.js";
import { readIfPresent, writeWhole } from "../../files.js";

/** English has about four bytes a token, other scripts and code fewer. */
const BYTES_PER_TOKEN = 3;
/** Of the model's context: the rest is for OpenClaw's own prompt, which is long, and for what is still to be said. */
const SHARE_OF_CONTEXT = 1 / 4;

const OPENING =
  "[This conversation began before you joined it. These are its earlier messages, one JSON object a line, oldest first, " +
  "for you to know; do not answer them.]";
const CLOSING = "[End of the earlier messages. Answer the following message.]";

/**
 * The message with as many of the newest earlier ones in front of it as may be, beginning with one of the user's. Each is JSON in
 * one line, so that nothing that was said can look like their end. Pure.
 *
 * @param contextTokens what the model takes in all
 */
export function withEarlierTurns(message: string, history: readonly TranscriptEntry[], contextTokens: number): string {
  // What the system says after the last answer belongs to this message and goes into its system prompt.
  const earlier = history.slice(0, history.findLastIndex(({ role }) => role !== "system") + 1);
  let left = Math.floor(contextTokens * SHARE_OF_CONTEXT) * BYTES_PER_TOKEN;
  const lines: { role: string; line: string }[] = [];
  for (const { role, content, file } of earlier.toReversed()) {
    const text = file === undefined ? content : `[handed over the file ${file.fileName}] ${content}`.trim();
    if (role === "tool" || text === "") continue;
    const line = JSON.stringify({ role, text });
    left -= Buffer.byteLength(line) + 1;
    if (left < 0) break;
    lines.unshift({ role, line });
  }
  const begin = lines.findIndex(({ role }) => role === "user");
  if (begin < 0) return message;
  return [OPENING, ...lines.slice(begin).map(({ line }) => line), CLOSING, "", message].join("\n");
}

/** Part of the snapshot, like the state that it is about: one is never there without the other. */
const markerIn = (stateDirectory: string) => join(stateDirectory, "agent-factory", "earlier-turns.json");

/**
 * Whether OpenClaw gets its first message of the conversation. Says so once: if the turn then fails, its files are restored
 * to what they were before it, this mark among them.
 *
 * @throws the error of a disk that cannot be written
 */
export async function isFirstMessage(stateDirectory: string): Promise<boolean> {
  const marker = markerIn(stateDirectory);
  if ((await readIfPresent(marker)) !== null) return false;
  await writeWhole(marker, '{"told":true}\n', { durable: false });
  return true;
}
