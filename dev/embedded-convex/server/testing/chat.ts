/** The chat fixture, for tests of the whole backend: where it is, and its functions by name. */
import { fileURLToPath } from "node:url";
import { makeFunctionReference, type PaginationOptions, type PaginationResult, type UserIdentity } from "convex/server";

export const CHAT_PROJECT = fileURLToPath(new URL("../../fixtures/chat", import.meta.url));

// Not an interface: function references want types with an implicit index signature.
type Message = { room: string; author: string; text: string; file?: string };

export const chat = {
  send: makeFunctionReference<"mutation", Message, number>("messages:send"),
  sendLater: makeFunctionReference<"mutation", Message & { delayMs: number }, null>("messages:sendLater"),
  sendTwice: makeFunctionReference<"action", Message, number[]>("messages:sendTwice"),
  list: makeFunctionReference<"query", { room: string }, string[]>("messages:list"),
  page: makeFunctionReference<
    "query",
    { room: string; paginationOpts: PaginationOptions },
    PaginationResult<{ text: string }>
  >("messages:page"),
  count: makeFunctionReference<"query", { room: string }, number>("messages:count"),
  whoAmI: makeFunctionReference<"query", Record<string, never>, UserIdentity | null>("messages:whoAmI"),
  greeting: makeFunctionReference<"query", Record<string, never>, string>("messages:greeting"),
  total: makeFunctionReference<"query", Record<string, never>, number>("messages:total"),
  uploadUrl: makeFunctionReference<"mutation", Record<string, never>, string>("files:uploadUrl"),
  fileUrl: makeFunctionReference<"query", { file: string }, string | null>("files:url"),
  removeFile: makeFunctionReference<"mutation", { file: string }, null>("files:remove"),
};
