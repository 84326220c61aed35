/** The messages of a chat as the runtime keeps them, and how they are grouped. Pure. */
import { z } from "zod";

const vToolRequest = z.object({ id: z.string(), name: z.string(), arguments: z.string() });
/** A tool call as the model asked for it; `arguments` is the JSON it wrote, valid or not. */
export type ToolRequest = z.infer<typeof vToolRequest>;

export const vChatMessage = z.discriminatedUnion("role", [
  z.object({ role: z.literal("system"), content: z.string() }),
  z.object({ role: z.literal("user"), content: z.string() }),
  z.object({ role: z.literal("assistant"), content: z.string(), toolCalls: z.array(vToolRequest).optional() }),
  z.object({ role: z.literal("tool"), callId: z.string(), content: z.string() }),
]);
export type ChatMessage = z.infer<typeof vChatMessage>;

/**
 * Messages in the smallest groups that may be left out of a request: a call of tools together with all its results, or one
 * message alone. What no provider accepts is left out: calls and results without their other half, and answers that say
 * nothing.
 */
export function units(messages: readonly ChatMessage[]): ChatMessage[][] {
  const groups: ChatMessage[][] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index];
    if (message === undefined || message.role === "tool") continue;
    if (message.role !== "assistant" || message.toolCalls === undefined || message.toolCalls.length === 0) {
      if (message.role !== "assistant" || message.content !== "") groups.push([message]);
      continue;
    }
    const results: ChatMessage[] = [];
    const open = new Set(message.toolCalls.map(({ id }) => id));
    for (let next = messages[index + 1]; next?.role === "tool"; next = messages[index + 1]) {
      if (open.delete(next.callId)) results.push(next);
      index++;
    }
    if (open.size === 0) groups.push([message, ...results]);
    else if (message.content !== "") groups.push([{ role: "assistant", content: message.content }]);
  }
  return groups;
}
