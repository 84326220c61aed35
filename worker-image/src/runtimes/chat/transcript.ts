/** The runtime's own record of a conversation: a file of its state, one message a line, replaced as a whole after each turn. */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { TranscriptEntry } from "../../../../src/shared/payload.js";
import { parseJson, readIfPresent, writeWhole } from "../../files.js";
import { units, vChatMessage, type ChatMessage } from "./messages.js";

/** Several times what any request holds; older messages are in the conversation's own transcript. */
const MAX_KEPT_CHARACTERS = 2 * 1024 * 1024;

/** Of a file that this has written, whatever the characters are. */
const MAX_FILE_BYTES = 8 * MAX_KEPT_CHARACTERS;

const fileIn = (stateDirectory: string) => join(stateDirectory, "chat", "transcript.jsonl");

/** What was said before, oldest first; `null` when there is no record. */
export async function readTranscript(stateDirectory: string): Promise<ChatMessage[] | null> {
  const file = fileIn(stateDirectory);
  // A command may have put anything in its place: a pipe, from which a read never returns, or more than there is memory.
  const found = await lstat(file).catch(() => null);
  if (found?.isFile() !== true || found.size > MAX_FILE_BYTES) return null;
  const text = await readIfPresent(file);
  if (text === null) return null;
  const messages: ChatMessage[] = [];
  for (const line of text.split("\n")) {
    const parsed = line === "" ? null : vChatMessage.safeParse(parseJson(line));
    if (parsed?.success === true) messages.push(parsed.data);
  }
  return units(messages).flat();
}

/** Replaces the record; of what is too much, the oldest goes. */
export async function writeTranscript(stateDirectory: string, messages: readonly ChatMessage[]): Promise<void> {
  const lines: string[] = [];
  let characters = 0;
  for (const unit of units(messages).toReversed()) {
    const text = unit.map((message) => `${JSON.stringify(message)}\n`).join("");
    characters += text.length;
    if (characters > MAX_KEPT_CHARACTERS) break;
    lines.unshift(text);
  }
  await writeWhole(fileIn(stateDirectory), lines.join(""), { durable: false });
}

/** What a conversation's transcript says, for a runtime that has no record of its own yet. */
export function fromHistory(history: readonly TranscriptEntry[]): ChatMessage[] {
  return history.flatMap(({ role, content }): ChatMessage[] => (role === "tool" ? [] : [{ role, content }]));
}

/** The entries that came after the last answer, which no record can hold yet, e.g. the summary of dropped messages. */
export function newNotes(history: readonly TranscriptEntry[]): ChatMessage[] {
  const last = history.findLastIndex(({ role }) => role !== "system");
  return fromHistory(history.slice(last + 1));
}
