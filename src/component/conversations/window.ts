/** Cuts a conversation's newest entries to what a model has room for. Pure. */
import type { TranscriptEntry } from "../../shared/payload.js";

/**
 * Tokens of history a turn is given: a quarter of the smallest context window in use today, so that instructions, tools,
 * skills and the answer have the rest.
 */
export const HYDRATION_WINDOW_TOKENS = 32_000;
/** What a model's own format adds to every entry. */
const TOKENS_PER_ENTRY = 4;
/** Tokenizers make a token of 3 to 4 bytes of prose or code, and of one ideograph, which has 3. */
const BYTES_PER_TOKEN = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An estimate that prose does not exceed; tokenizers differ, and none runs here. */
export function estimateTokens(text: string): number {
  return Math.ceil(encoder.encode(text).length / BYTES_PER_TOKEN);
}

/**
 * The newest entries within the budget, oldest first.
 *
 * They begin with a question, for an answer without its question misleads; an answer so long that its question has no room
 * stands alone. Of an entry longer than the whole budget, the beginning and the end are kept.
 *
 * @param entries oldest first
 */
export function fitWindow(entries: readonly TranscriptEntry[], budgetTokens: number): TranscriptEntry[] {
  const kept: TranscriptEntry[] = [];
  let left = budgetTokens;
  for (const entry of entries.toReversed()) {
    const tokens = estimateTokens(entry.content) + TOKENS_PER_ENTRY;
    if (tokens > left) {
      if (kept.length === 0) kept.push({ ...entry, content: shortenMiddle(entry.content, left - TOKENS_PER_ENTRY) });
      break;
    }
    left -= tokens;
    kept.push(entry);
  }
  const window = kept.reverse();
  const isWhole = window.length === entries.length;
  const firstQuestion = window.findIndex(({ role }) => role === "user" || role === "system");
  return isWhole || firstQuestion <= 0 ? window : window.slice(firstQuestion);
}

/** Room for the note that stands where the middle was. */
const NOTE_BYTES = 80;

/** Keeps both ends, for a text says what it is at its beginning and what follows from it at its end. */
function shortenMiddle(text: string, budgetTokens: number): string {
  const bytes = encoder.encode(text);
  const kept = Math.max(0, Math.floor((budgetTokens * BYTES_PER_TOKEN - NOTE_BYTES) / 2));
  const head = decoder.decode(bytes.subarray(0, characterStart(bytes, kept)));
  const tail = decoder.decode(bytes.subarray(characterStart(bytes, bytes.length - kept)));
  return `${head}\n[... ${text.length - head.length - tail.length} characters are left out here ...]\n${tail}`;
}

/** The nearest place at or before `index` where a character begins: others carry the mark of a continuation, `10xxxxxx`. */
function characterStart(bytes: Uint8Array, index: number): number {
  let start = index;
  while (start > 0 && ((bytes[start] ?? 0) & 0b1100_0000) === 0b1000_0000) start--;
  return start;
}
