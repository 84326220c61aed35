/** Understands what a message asks the echo runtime to do. Pure. */

export type EchoCommand =
  | { kind: "remember"; text: string }
  | { kind: "list" }
  | { kind: "forget"; number: number }
  | { kind: "recall"; words: string[] }
  /** Hand the notes over as a file. */
  | { kind: "export" }
  /** Hand the files of the message over again. */
  | { kind: "return" }
  | { kind: "echo"; text: string };

/** Words that say nothing about a subject. */
const STOP_WORDS = new Set(
  (
    "a about am an and are at be did do does for have how i in is it me my of on or our that the this to was we were " +
    "what what's when where which who whose why with you your"
  ).split(" "),
);

/** The words of a text that can be looked for: lower case, letters and digits, without the commonest ones. */
export function searchWords(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}][\p{L}\p{N}']*/gu) ?? [];
  return [...new Set(words.filter((word) => !STOP_WORDS.has(word)))];
}

export function parseCommand(message: string): EchoCommand {
  const text = message.trim();
  const isQuestion = text.endsWith("?");

  const remember = /^(?:please\s+)?(?:remember(?:\s+that)?\b|note\b)\s*:?\s*(.+)$/is.exec(text);
  if (!isQuestion && remember?.[1] !== undefined) return { kind: "remember", text: remember[1] };

  if (/^(?:(?:list|show)\s+(?:my\s+|the\s+|your\s+)?)?notes[.!?]*$/i.test(text)) return { kind: "list" };

  if (
    /^(?:please\s+)?(?:send|give|export|hand\s+over)\s+(?:me\s+)?(?:my\s+|the\s+|your\s+)?notes(?:\s+as\s+a\s+file)?[.!?]*$/i.test(
      text,
    )
  ) {
    return { kind: "export" };
  }
  if (
    /^(?:please\s+)?(?:send|give|hand)\s+(?:it|this|that|them|these|the\s+files?|me\s+the\s+files?)\s+back[.!?]*$/i.test(
      text,
    )
  ) {
    return { kind: "return" };
  }

  const forget = /^forget\s+(?:note\s+)?#?(\d{1,6})[.!]*$/i.exec(text);
  if (forget?.[1] !== undefined) return { kind: "forget", number: Number(forget[1]) };

  const recall = /^what do you (?:remember|know)(?:\s+about\s+(.+?))?[?.!\s]*$/is.exec(text);
  if (recall !== null) {
    return recall[1] === undefined ? { kind: "list" } : { kind: "recall", words: searchWords(recall[1]) };
  }
  if (isQuestion) return { kind: "recall", words: searchWords(text) };
  return { kind: "echo", text };
}
