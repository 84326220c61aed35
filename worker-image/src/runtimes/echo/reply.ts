/** What the echo runtime answers, in words; deterministic and honest about not being an AI. Pure. */
import { searchWords } from "./commands.js";
import type { SeenFile } from "./files.js";

export const DISCLAIMER = "I am the echo runtime: no AI model is connected.";

/** A listing stays a readable message. */
const MAX_LISTED = 50;

const count = (notes: number) => (notes === 1 ? "1 note" : `${notes} notes`);
const files = (number: number) => (number === 1 ? "1 file" : `${number} files`);
const quoted = (text: string) => `“${text}”`;

export function rememberedReply(text: string, notes: number): string {
  return `Noted: ${quoted(text.replace(/\s+/g, " ").trim())}. I keep ${count(notes)} now. (${DISCLAIMER})`;
}

export function listReply(notes: readonly string[]): string {
  if (notes.length === 0) return `I keep no notes yet. Say “remember …” and I will. (${DISCLAIMER})`;
  return `I keep ${count(notes.length)}:\n${listing(notes.map((note, index) => [index + 1, note]))}\n(${DISCLAIMER})`;
}

export function forgottenReply(number: number, removed: string | null, left: number): string {
  const what = removed === null ? `There is no note ${number}.` : `Forgotten: ${quoted(removed)}.`;
  return `${what} I keep ${count(left)}${removed === null ? "" : " now"}. (${DISCLAIMER})`;
}

/** The notes that share the most words with the question, best first, in the order they were made otherwise. */
export function recallReply(words: readonly string[], notes: readonly string[]): string {
  const scored = notes.map((note, index) => {
    const noteWords = new Set(searchWords(note));
    return { note, number: index + 1, score: words.filter((word) => noteWords.has(word)).length };
  });
  const best = Math.max(0, ...scored.map(({ score }) => score));
  const found = best === 0 ? [] : scored.filter(({ score }) => score === best);
  if (found.length === 0) return `I found nothing about that in my ${count(notes.length)}. (${DISCLAIMER})`;
  return `I remember:\n${listing(found.map(({ number, note }) => [number, note]))}\n(${DISCLAIMER})`;
}

/** What came with a message, as it lies in the workspace: proof that its bytes have arrived. */
export function filesReply(seen: readonly SeenFile[]): string {
  const lines = seen.map(({ name, mimeType, sizeBytes, sha256 }) => {
    const about = [mimeType, `${sizeBytes} bytes`].filter((part) => part !== null).join(", ");
    return `- **${name}** (${about}), SHA-256 \`${sha256}\``;
  });
  return `You sent ${files(seen.length)}:\n${lines.join("\n")}\nSay “send it back” with a file and I hand it over again.`;
}

export function exportReply(notes: number): string {
  const what =
    notes === 0 ? "I keep no notes yet, so there is no file to send." : `Here is a file with ${count(notes)}.`;
  return `${what} (${DISCLAIMER})`;
}

export function returnReply(returned: number): string {
  const what =
    returned === 0
      ? "No file came with this message. Attach one and I send it back."
      : `Here you are: ${files(returned)}.`;
  return `${what} (${DISCLAIMER})`;
}

export function echoReply(text: string, notes: number): string {
  const said = text === "" ? "You sent no text." : `You said: ${quoted(text)}`;
  return `${DISCLAIMER} ${said}\nI keep ${count(notes)}; say “remember …” to add one, “list notes” to see them.`;
}

function listing(notes: readonly (readonly [number: number, note: string])[]): string {
  const lines = notes.slice(0, MAX_LISTED).map(([number, note]) => `${number}. ${note}`);
  if (notes.length > MAX_LISTED) lines.push(`... and ${notes.length - MAX_LISTED} more.`);
  return lines.join("\n");
}
