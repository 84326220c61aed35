/** What a running turn has streamed so far; the only writer of `turnChunks`. */
import { agentFactoryError } from "../../shared/errors.js";
import type { ToolCall } from "../../shared/payload.js";
import { MAX_DELTA_CHARACTERS } from "../../shared/worker-protocol.js";
import type { Doc } from "../_generated/dataModel.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { requireIdentifier, requireIntegerBetween } from "../validation.js";

/** A row is closed at this length: one more word rewrites at most this much. */
const CHUNK_CHARACTERS = 8 * 1024;
/** Bounds one turn's stream. The final reply is not read from here. */
const MAX_STREAM_CHARACTERS = 512 * 1024;
/** Every row but the last is full, so there can be no more. */
const MAX_CHUNKS = MAX_STREAM_CHARACTERS / CHUNK_CHARACTERS + 1;
/** Chips on a page; a turn with more tool calls shows its newest. */
const MAX_TOOL_CALLS_PER_CHUNK = 64;

type Turn = { messageId: string; generation: number };
type Delta = { offset: number; text: string; tools: ToolCall[] };

/**
 * Appends text at `offset`. What was stored before is skipped, so a repeated call changes nothing.
 *
 * @returns the number of characters stored in this attempt
 * @throws `output_gap` when characters before `offset` are missing, `output_too_large`, `invalid_argument`
 */
export async function appendDelta(ctx: MutationCtx, turn: Turn, delta: Delta): Promise<number> {
  if (delta.text.length > MAX_DELTA_CHARACTERS || delta.tools.length > MAX_TOOL_CALLS_PER_CHUNK) {
    throw agentFactoryError(
      "output_too_large",
      `A delta carries at most ${MAX_DELTA_CHARACTERS} characters and ${MAX_TOOL_CALLS_PER_CHUNK} tool calls. Split it.`,
    );
  }
  requireIntegerBetween("offset", delta.offset, 0, MAX_STREAM_CHARACTERS);
  for (const { callId, toolName } of delta.tools) {
    requireIdentifier("tools.callId", callId);
    requireIdentifier("tools.toolName", toolName);
  }
  const last = await lastChunk(ctx, turn);
  const length = last === null ? 0 : last.offset + last.text.length;
  if (delta.offset > length) {
    throw agentFactoryError(
      "output_gap",
      `Characters ${length} to ${delta.offset} of this turn are missing. Stream again from offset ${length}.`,
      { argument: "offset" },
    );
  }
  const fresh = delta.text.slice(length - delta.offset);
  if (length + fresh.length > MAX_STREAM_CHARACTERS) {
    throw agentFactoryError("output_too_large", `A turn streams at most ${MAX_STREAM_CHARACTERS} characters.`);
  }
  if (fresh === "" && delta.tools.length === 0) return length;
  if (last === null || last.text.length >= CHUNK_CHARACTERS) {
    await ctx.db.insert("turnChunks", {
      ...turn,
      index: (last?.index ?? -1) + 1,
      offset: length,
      text: fresh,
      tools: mergeToolCalls(last?.tools ?? [], delta.tools),
    });
  } else {
    await ctx.db.patch("turnChunks", last._id, {
      text: last.text + fresh,
      tools: mergeToolCalls(last.tools, delta.tools),
    });
  }
  return length + fresh.length;
}

/** Later states replace earlier ones of the same call; a new row takes the calls over, so the last row knows them all. */
export function mergeToolCalls(known: ToolCall[], updates: ToolCall[]): ToolCall[] {
  const byId = new Map(known.map((call) => [call.callId, call]));
  for (const update of updates) byId.set(update.callId, update);
  return [...byId.values()].slice(-MAX_TOOL_CALLS_PER_CHUNK);
}

export async function readStream(ctx: QueryCtx, turn: Turn): Promise<{ text: string; toolCalls: ToolCall[] }> {
  const chunks = await ctx.db
    .query("turnChunks")
    .withIndex("by_message", (range) => range.eq("messageId", turn.messageId).eq("generation", turn.generation))
    .take(MAX_CHUNKS);
  return { text: chunks.map((chunk) => chunk.text).join(""), toolCalls: chunks.at(-1)?.tools ?? [] };
}

/** Deletes what attempts of this message up to `generation` have streamed; true when nothing of it is left. */
export async function deleteStream(ctx: MutationCtx, messageId: string, generation: number): Promise<boolean> {
  const chunks = ctx.db
    .query("turnChunks")
    .withIndex("by_message", (range) => range.eq("messageId", messageId).lte("generation", generation));
  for await (const chunk of chunks) {
    if (await isHalfSpent(ctx)) return false;
    await ctx.db.delete("turnChunks", chunk._id);
  }
  return true;
}

async function lastChunk(ctx: QueryCtx, turn: Turn): Promise<Doc<"turnChunks"> | null> {
  return await ctx.db
    .query("turnChunks")
    .withIndex("by_message", (range) => range.eq("messageId", turn.messageId).eq("generation", turn.generation))
    .order("desc")
    .first();
}
