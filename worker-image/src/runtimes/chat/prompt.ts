/** The system prompt of the chat runtime. Pure. */
import type { AgentProfile, TurnSkill } from "../runtime.js";

const READING_TOOLS = ["read_file", "run_command"];

/** @param toolNames the tools this agent has */
export function systemPrompt(agent: AgentProfile, toolNames: readonly string[], skills: readonly TurnSkill[]): string {
  const parts = [agent.instructions ?? `You are ${agent.displayName ?? "an assistant"}. Answer helpfully and briefly.`];
  if (toolNames.length > 0) {
    parts.push(
      "You have a workspace: a folder of files that stays between messages. Paths are relative to it. " +
        "Files that the user sends you lie below attachments/. Files that you put into outbox/ are sent with your answer.",
    );
  }
  // A skill that cannot be read is only noise.
  if (skills.length > 0 && toolNames.some((name) => READING_TOOLS.includes(name))) {
    const lines = skills.map(({ name, description, directory }) => `- ${name} (${directory}/SKILL.md): ${description}`);
    parts.push(`You have skills. Before a task that one fits, read its SKILL.md.\n${lines.join("\n")}`);
  }
  return parts.join("\n\n");
}
