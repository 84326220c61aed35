/** The system prompt of the chat runtime. Pure. */
import type { AgentProfile } from "../runtime.js";

/** @param toolNames the tools this agent has */
export function systemPrompt(agent: AgentProfile, toolNames: readonly string[]): string {
  const parts = [agent.instructions ?? `You are ${agent.displayName ?? "an assistant"}. Answer helpfully and briefly.`];
  if (toolNames.length > 0) {
    parts.push(
      "You have a workspace: a folder of files that stays between messages. Paths are relative to it. " +
        "Files that the user sends you lie below attachments/.",
    );
  }
  return parts.join("\n\n");
}
