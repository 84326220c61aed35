/** Cuts text that is being written into the whole sentences a screen reader may say. */

/** A sentence ends with punctuation and a space, or with its line. */
const SENTENCE_END = /[.!?…:]["')\]]*\s|\n/g;

/**
 * The part of `text` after `alreadySpoken` characters that forms whole sentences, and where it ends.
 *
 * Reading out every few characters would drown their listener; waiting for the whole answer would leave them alone.
 */
export function nextSentences(text: string, alreadySpoken: number): { spoken: string; end: number } {
  const rest = text.slice(alreadySpoken);
  let end = 0;
  for (const match of rest.matchAll(SENTENCE_END)) end = match.index + match[0].length;
  return { spoken: rest.slice(0, end).trim(), end: alreadySpoken + end };
}
