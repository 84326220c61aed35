/** What a message carries, as validators (the single source of its types), and how large each part may be. */
import { v, type Infer } from "convex/values";

/** A Convex document holds at most 1 MiB; text, raw update and metadata of one message share it with room to spare. */
export const MAX_MESSAGE_TEXT_BYTES = 128 * 1024;
/** Telegram's largest updates are a few KB; this leaves an order of magnitude. */
export const MAX_RAW_UPDATE_BYTES = 64 * 1024;
export const MAX_METADATA_ENTRIES = 32;
export const MAX_METADATA_BYTES = 8 * 1024;
/** Telegram groups at most 10 files in one album; 16 leaves room for other channels. */
export const MAX_ATTACHMENTS = 16;
/** Names, types and ids of all attachments together; the files themselves are in storage. */
export const MAX_ATTACHMENTS_BYTES = 32 * 1024;
/** Identifiers end up in indexes and logs; 256 bytes is longer than any known provider's. */
export const MAX_IDENTIFIER_BYTES = 256;

export const vAttachmentKind = v.union(
  v.literal("photo"),
  v.literal("video"),
  v.literal("audio"),
  v.literal("voice"),
  v.literal("document"),
);

export const vAttachment = v.object({
  kind: vAttachmentKind,
  status: v.union(v.literal("ready"), v.literal("expired")),
  storageId: v.string(),
  telegramFileId: v.optional(v.string()),
  fileName: v.optional(v.string()),
  mimeType: v.optional(v.string()),
  sizeBytes: v.optional(v.number()),
  /** Hex; hydration fills in what storage knows. */
  sha256: v.optional(v.string()),
  expiresAt: v.number(),
  downloadUrl: v.optional(v.string()),
});
export type Attachment = Infer<typeof vAttachment>;

/** A file that a user has uploaded and sends: all but its name and kind is read from storage, nothing is believed. */
export const vUploadedFile = v.object({
  /** What storage answered to the upload. */
  storageId: v.string(),
  fileName: v.optional(v.string()),
  /** By default what its type suggests. */
  kind: v.optional(vAttachmentKind),
});
export type UploadedFile = Infer<typeof vUploadedFile>;

export const vPayload = v.object({
  /** Where the message came from: `"app"`, `"telegram"`, ... */
  provider: v.string(),
  /** The sender's id at that provider; never blank. */
  providerUserId: v.string(),
  messageText: v.string(),
  /** The provider's own id of the delivery: the same `(agentKey, provider, externalMessageId)` is accepted once. */
  externalMessageId: v.optional(v.string()),
  rawUpdateJson: v.optional(v.string()),
  metadata: v.optional(v.record(v.string(), v.string())),
  attachments: v.optional(v.array(vAttachment)),
});
export type Payload = Infer<typeof vPayload>;

export const vMessageStatus = v.union(
  v.literal("queued"),
  v.literal("processing"),
  v.literal("done"),
  v.literal("failed"),
  v.literal("dead_letter"),
  v.literal("canceled"),
  v.literal("dropped"),
);
export type MessageStatus = Infer<typeof vMessageStatus>;

export const vTranscriptRole = v.union(
  v.literal("system"),
  v.literal("user"),
  v.literal("assistant"),
  v.literal("tool"),
);
/** A file that an agent handed over with its answer. */
export const vHandedFile = v.object({
  fileName: v.string(),
  mimeType: v.union(v.string(), v.null()),
  sizeBytes: v.number(),
  /** `null` in what a worker reads, and when the file is no longer stored. */
  downloadUrl: v.union(v.string(), v.null()),
});
export type HandedFile = Infer<typeof vHandedFile>;

/** A file that was sent with a message. */
export const vSentFile = v.object({
  kind: vAttachmentKind,
  fileName: v.union(v.string(), v.null()),
  mimeType: v.union(v.string(), v.null()),
  sizeBytes: v.union(v.number(), v.null()),
  /** As that of a file that was handed over. */
  downloadUrl: v.union(v.string(), v.null()),
});
export type SentFile = Infer<typeof vSentFile>;

export const vTranscriptEntry = v.object({
  role: vTranscriptRole,
  content: v.string(),
  at: v.number(),
  file: v.optional(vHandedFile),
  attachments: v.optional(v.array(vSentFile)),
});
export type TranscriptEntry = Infer<typeof vTranscriptEntry>;

export const vToolCall = v.object({
  toolName: v.string(),
  callId: v.string(),
  status: v.union(v.literal("pending"), v.literal("running"), v.literal("done"), v.literal("failed")),
});
export type ToolCall = Infer<typeof vToolCall>;

export const vUsage = v.object({
  inputTokens: v.number(),
  outputTokens: v.number(),
  costUsd: v.optional(v.number()),
});
export type Usage = Infer<typeof vUsage>;
