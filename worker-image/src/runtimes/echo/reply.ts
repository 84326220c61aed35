/** What the echo runtime answers, in words; deterministic and honest about not being an AI. Pure. */
import { searchWords } from "./commands.js";

export const DISCLAIMER = "I am the echo runtime: no AI model is connected.";

/** A listing stays a readable message. */
const MAX_LISTED = 50;

const count = (notes: number) => (notes === 1 ? "1 note" : `${notes} notes`);
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

export function echoReply(text: string, notes: number): string {
  const said = text === "" ? "You sent no text." : `You said: ${quoted(text)}`;
  return `${DISCLAIMER} ${said}\nI keep ${count(notes)}; say “remember …” to add one, “list notes” to see them.`;
}

function listing(notes: readonly (readonly [number: number, note: string])[]): string {
  const lines = notes.slice(0, MAX_LISTED).map(([number, note]) => `${number}. ${note}`);
  if (notes.length > MAX_LISTED) lines.push(`... and ${notes.length - MAX_LISTED} more.`);
  return lines.join("\n");
}
