/** Workspace archives and which of them is current. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vSnapshotReason } from "../../shared/worker-protocol.js";

export const snapshotTables = {
  /**
   * One row per upload. Written by prepare, finalize and fail; read by restore and the views. The current one of a
   * conversation is kept; older, failed and abandoned ones are removed with their files by the retention sweep.
   */
  snapshots: defineTable({
    conversationId: v.string(),
    agentKey: v.string(),
    workerId: v.string(),
    /** Generation of the lease it was made under: a later one always wins. */
    generation: v.number(),
    reason: vSnapshotReason,
    status: v.union(v.literal("uploading"), v.literal("ready"), v.literal("failed"), v.literal("expired")),
    storageId: v.optional(v.id("_storage")),
    sha256: v.optional(v.string()),
    sizeBytes: v.optional(v.number()),
    error: v.optional(v.string()),
    createdAt: v.number(),
    /** From when on the sweep may remove it, unless it is current. */
    expiresAt: v.optional(v.number()),
  })
    .index("by_conversation", ["conversationId"])
    .index("by_storage", ["storageId"])
    .index("by_worker", ["workerId"])
    // Those without an expiry, by conversation: the settled ones, which go once they are replaced.
    .index("by_expiry", ["expiresAt", "conversationId", "generation"]),

  /** One row per conversation with a snapshot: the pointer that only a fenced commit moves, and only forward. */
  currentSnapshots: defineTable({
    conversationId: v.string(),
    snapshotId: v.id("snapshots"),
    generation: v.number(),
    committedAt: v.number(),
  }).index("by_conversation", ["conversationId"]),
};
