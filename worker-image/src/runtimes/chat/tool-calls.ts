/** Puts the calls of tools together that a model streams in pieces, and makes of each what every provider takes back. Pure. */
import { parseJson } from "../../files.js";
import type { ToolRequest } from "./messages.js";
import { ModelFailed } from "./model-failure.js";

/** Calls in one answer, and the JSON of one of them: more is a model that has lost its way. */
const MAX_TOOL_CALLS = 32;
const MAX_ARGUMENT_CHARACTERS = 2 * 1024 * 1024;

export type CallPiece = {
  index?: number | null | undefined;
  id?: string | null | undefined;
  function?: { name?: string | null | undefined; arguments?: string | null | undefined } | null | undefined;
};

export class ToolCallPieces {
  private readonly calls: { index: number; call: ToolRequest }[] = [];
  /** Which call a piece with this index goes on. */
  private readonly open = new Map<number, ToolRequest>();

  /** @throws ModelFailed when a model does not come to an end */
  add(piece: CallPiece): void {
    const { id } = piece;
    const { name, arguments: written } = piece.function ?? {};
    // Some providers leave the index out and send each call whole.
    const index = piece.index ?? (id == null ? Math.max(0, this.calls.length - 1) : this.calls.length);
    const known = this.open.get(index);
    // Others send all calls whole, under the index 0. A new id alone means nothing: there are providers that make one for each piece.
    const isAnother = known !== undefined && id && known.id !== "" && known.id !== id && name;
    const call = known === undefined || isAnother ? this.begin(index) : known;
    if (id && call.id === "") call.id = id;
    // Others again repeat the name with each piece.
    if (name && call.name !== name) call.name += name;
    call.arguments += written ?? "";
    if (call.arguments.length > MAX_ARGUMENT_CHARACTERS) {
      throw new ModelFailed("unknown", "The model wrote more into one tool call than a tool takes.");
    }
  }

  /** In the order of their indexes; of calls that share one, as they came. */
  all(): ToolRequest[] {
    return this.calls.toSorted((a, b) => a.index - b.index).map(({ call }) => call);
  }

  private begin(index: number): ToolRequest {
    if (this.calls.length >= MAX_TOOL_CALLS) {
      throw new ModelFailed("unknown", `The model asked for more than ${MAX_TOOL_CALLS} tools at once.`);
    }
    const call = { id: "", name: "", arguments: "" };
    this.calls.push({ index, call });
    this.open.set(index, call);
    return call;
  }
}

/** What providers allow for the name of a tool. */
const MAX_NAME_CHARACTERS = 64;

/**
 * A call as it may stand in a later request. Providers refuse a request for a name that no tool can have, and for arguments
 * that are no JSON object, although a model wrote them: without this, one slip would be the end of the conversation.
 */
export function replayable({ id, name, arguments: written }: ToolRequest): ToolRequest {
  const allowed = name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, MAX_NAME_CHARACTERS);
  const parsed = parseJson(written);
  const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
  return { id, name: allowed === "" ? "unknown" : allowed, arguments: isObject ? written : "{}" };
}
