/** React hooks for an app's pages, on top of `convex/react`. */
export { isUnconfirmed } from "./unconfirmed.js";
export {
  useConversation,
  type ConversationFunctions,
  type ConversationTarget,
  type UseConversation,
} from "./use-conversation.js";
