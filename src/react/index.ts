/** React hooks for an app's pages, on top of `convex/react`. */
export { isUnconfirmed } from "./unconfirmed.js";
export type { PendingFile } from "./uploads.js";
export {
  useConversation,
  type ConversationFunctions,
  type ConversationTarget,
  type SendOptions,
  type UseConversation,
} from "./use-conversation.js";
export { useUploads, type UploadFunctions, type UseUploads } from "./use-uploads.js";
