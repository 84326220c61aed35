/** Decides which messages of a long chat still fit into a request: the newest, never half of a tool call. Pure. */
import { shortened } from "../../processes/bounded-text.js";
import { units, type ChatMessage } from "./messages.js";

/** English has about four bytes a token, code and other scripts fewer; counting too many costs only old messages. */
const BYTES_PER_TOKEN = 3;
/** Role, separators, and ids of calls. */
const TOKENS_PER_MESSAGE = 8;
/** What is left of a tool's result that has to be shortened for the newest step to fit. */
const SHORTENED_RESULT_CHARACTERS = 2_000;

/** About how many tokens a message takes. */
export function estimateTokens(message: ChatMessage): number {
  let bytes = Buffer.byteLength(message.content);
  if (message.role === "assistant") {
    for (const call of message.toolCalls ?? []) bytes += Buffer.byteLength(call.name + call.arguments) + call.id.length;
  }
  return Math.ceil(bytes / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE;
}

const tokensOf = (messages: readonly ChatMessage[]) => messages.reduce((sum, each) => sum + estimateTokens(each), 0);

/**
 * What to send of `earlier` turns and the `current` one, whose first messages, up to the user's, always stay.
 *
 * Earlier turns go first, oldest first and whole; then the oldest steps of the current turn; then the middle of tool
 * results. `null` when even that does not fit.
 */
export function fitting(
  earlier: readonly ChatMessage[],
  current: readonly ChatMessage[],
  budgetTokens: number,
): ChatMessage[] | null {
  const opening = current.findIndex(({ role }) => role === "user") + 1;
  const question = current.slice(0, opening);
  let left = budgetTokens - tokensOf(question);
  if (left < 0) return null;

  const steps: ChatMessage[][] = [];
  const done = units(current.slice(opening));
  for (const step of done.toReversed()) {
    const fits = tokensOf(step) <= left;
    // The newest step is what the model has just asked for: without it, it would ask again.
    const kept = fits || steps.length > 0 ? step : step.map(shorten);
    if (tokensOf(kept) > left) {
      if (steps.length === 0) return null;
      break;
    }
    steps.unshift(kept);
    left -= tokensOf(kept);
  }

  const turns: ChatMessage[][] = [];
  if (steps.length === done.length) {
    for (const turn of turnsOf(earlier).toReversed()) {
      const tokens = tokensOf(turn);
      if (tokens > left) break;
      turns.unshift(turn);
      left -= tokens;
    }
  }
  return [...turns.flat(), ...question, ...steps.flat()];
}

const shorten = (message: ChatMessage): ChatMessage =>
  message.role === "tool" ? { ...message, content: shortened(message.content, SHORTENED_RESULT_CHARACTERS) } : message;

/** A turn begins with what the user says, or with what the system says before that. */
function turnsOf(messages: readonly ChatMessage[]): ChatMessage[][] {
  const turns: ChatMessage[][] = [];
  let last: ChatMessage | undefined;
  for (const unit of units(messages)) {
    const [first] = unit;
    const begins = first?.role === "system" || (first?.role === "user" && last?.role !== "system");
    const open = turns.at(-1);
    if (begins || open === undefined) turns.push([...unit]);
    else open.push(...unit);
    last = unit.at(-1);
  }
  return turns;
}
