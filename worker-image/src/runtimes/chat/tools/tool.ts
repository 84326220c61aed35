/** What a tool of the chat runtime is: a description for the model, and something that happens in the workspace. */
import type { z } from "zod";

/** What went wrong, worded for the model, which can try something else. */
export class ToolFailed extends Error {
  override readonly name = "ToolFailed";
}

export type ToolContext = {
  workspaceDirectory: string;
  temporaryDirectory: string;
  /** The variables of the agent that its commands may see. */
  environment: Readonly<Record<string, string>>;
  /** All variables of the agent: none of their values is ever in a result. */
  secrets: Readonly<Record<string, string>>;
  signal: AbortSignal;
};

export type Tool<Schema extends z.ZodType = z.ZodType> = {
  name: string;
  description: string;
  /** The arguments the model has to write. */
  parameters: Schema;
  /** Returns what the model gets to see. @throws ToolFailed */
  run(given: z.output<Schema>, context: ToolContext): Promise<string>;
};

/** A tool whose arguments have the types that its schema says. */
export const tool = <Schema extends z.ZodType>(definition: Tool<Schema>): Tool<Schema> => definition;
