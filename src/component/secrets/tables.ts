/** Sealed secrets. */
import { defineTable } from "convex/server";
import { v } from "convex/values";

export const vEnvelope = v.object({
  v: v.literal(1),
  /** Names the key that wrapped the data key: the start of that key's SHA-256. */
  keyId: v.string(),
  wrapIv: v.string(),
  wrappedKey: v.string(),
  iv: v.string(),
  ciphertext: v.string(),
});

export const secretTables = {
  /**
   * One row per secret, holding its newest version only. Written by `importSecret`; opened by the reconcile action (the
   * provider's token) and by hydration (what the agent may have). Replaced in place, so it never grows.
   */
  secrets: defineTable({
    secretRef: v.string(),
    version: v.number(),
    envelope: vEnvelope,
    metadata: v.optional(v.record(v.string(), v.string())),
    updatedAt: v.number(),
  }).index("by_secret_ref", ["secretRef"]),
};
