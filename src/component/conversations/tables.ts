/** What was said in conversations, what is being said right now, and the files that users send. Whose they are stands in their lanes. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vAttachmentKind, vToolCall, vTranscriptRole } from "../../shared/payload.js";

export const conversationTables = {
  /**
   * One row per thing said, never an array in one document: the cost of a turn does not grow with its history. Question
   * and ending are written when a turn ends, what the turn adds of its own while it runs; read newest-first by hydration
   * and the views. Lives as long as its message; what a failed attempt added is deleted at once.
   */
  transcript: defineTable({
    conversationId: v.string(),
    /** The queue message this belongs to. */
    messageId: v.string(),
    /** The turn's lease: turns are told in the order in which they ran. */
    generation: v.number(),
    /** Place within the turn: what it was told first, the question, what the turn added, the ending. */
    part: v.number(),
    role: vTranscriptRole,
    content: v.string(),
    /** A file the agent handed over; it is deleted with its row. */
    file: v.optional(
      v.object({
        storageId: v.id("_storage"),
        fileName: v.string(),
        mimeType: v.union(v.string(), v.null()),
        sizeBytes: v.number(),
      }),
    ),
    /** Files that came with the question; they are deleted with its message. */
    attachments: v.optional(
      v.array(
        v.object({
          kind: vAttachmentKind,
          storageId: v.id("_storage"),
          fileName: v.union(v.string(), v.null()),
          mimeType: v.union(v.string(), v.null()),
          sizeBytes: v.union(v.number(), v.null()),
        }),
      ),
    ),
    at: v.number(),
  })
    .index("by_conversation", ["conversationId", "generation", "part"])
    .index("by_message", ["messageId", "generation"])
    .index("by_file", ["file.storageId"]),

  /**
   * One row per file that a user may upload: its id is the label that the stored file carries. Written when an address for
   * the upload is asked for, by enqueue once it is sent, and by retention. An open one expires; one that was sent lives as long
   * as its message and is deleted with it, and with the file.
   */
  uploads: defineTable({
    consumerUserId: v.string(),
    /** Until when it may be sent; absent once it was. */
    expiresAt: v.optional(v.number()),
    /** The file and its message, once it was sent. */
    storageId: v.optional(v.id("_storage")),
    messageId: v.optional(v.string()),
  })
    .index("by_user", ["consumerUserId", "expiresAt"])
    .index("by_expiry", ["expiresAt"])
    .index("by_message", ["messageId"]),

  /**
   * The text a running turn has streamed so far, cut into rows of bounded size so that one more word rewrites little.
   * Written by `appendTurnDelta`; read by the live view; deleted soon after the turn ends, whichever way it ends.
   */
  turnChunks: defineTable({
    messageId: v.string(),
    /** The lease's generation: a retry starts from an empty stream. */
    generation: v.number(),
    index: v.number(),
    /** Characters (UTF-16 code units) of this attempt before this row. */
    offset: v.number(),
    text: v.string(),
    tools: v.array(vToolCall),
  }).index("by_message", ["messageId", "generation", "index"]),
};
