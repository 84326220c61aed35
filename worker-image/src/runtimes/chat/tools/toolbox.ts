/** The tools an agent has, and what happens when its model uses one: never an exception, never a secret in the result. */
import { z } from "zod";
import { diskProblem, systemCode } from "../../../disk-failure.js";
import { parseJson } from "../../../files.js";
import { errorMessage } from "../../../logger.js";
import { redacted } from "../../redaction.js";
import type { ToolDescription } from "../model-client.js";
import type { ToolRequest } from "../messages.js";
import { listFilesTool, readFileTool, writeFileTool } from "./files.js";
import { runCommandTool } from "./run-command.js";
import { ToolFailed, type Tool, type ToolContext } from "./tool.js";

const TOOLS: readonly Tool[] = [readFileTool, writeFileTool, listFilesTool, runCommandTool];

export type ToolResult = { content: string; isFailed: boolean };

export class Toolbox {
  private readonly tools: readonly Tool[];

  /** @param allowed names of the tools the agent may use; `null` is all */
  constructor(allowed: readonly string[] | null) {
    this.tools = TOOLS.filter(({ name }) => allowed === null || allowed.includes(name));
  }

  get names(): string[] {
    return this.tools.map(({ name }) => name);
  }

  get descriptions(): ToolDescription[] {
    return this.tools.map(({ name, description, parameters }) => ({
      name,
      description,
      parameters: z.toJSONSchema(parameters, { io: "input" }),
    }));
  }

  /** Does what the model asked for. @throws disk errors that no other arguments would mend, such as a full disk */
  async use(request: ToolRequest, context: ToolContext): Promise<ToolResult> {
    const { content, isFailed } = await this.attempt(request, context);
    return { content: redacted(content, context.secrets), isFailed };
  }

  private async attempt({ name, arguments: given }: ToolRequest, context: ToolContext): Promise<ToolResult> {
    const failed = (content: string) => ({ content, isFailed: true });
    const tool = this.tools.find((candidate) => candidate.name === name);
    if (tool === undefined) {
      const known = this.tools.map((candidate) => candidate.name).join(", ");
      return failed(`There is no tool ${JSON.stringify(name)}. ${known === "" ? "" : `There are: ${known}.`}`);
    }
    const written = parseJson(given === "" ? "{}" : given);
    if (written === null)
      return failed("The arguments do not fit: they are no JSON. If they were cut off, write less.");
    const parsed = tool.parameters.safeParse(written);
    if (!parsed.success) {
      return failed(`The arguments do not fit: ${z.prettifyError(parsed.error)}`);
    }
    try {
      return { content: await tool.run(parsed.data, context), isFailed: false };
    } catch (error) {
      if (error instanceof ToolFailed) return failed(error.message);
      if (isOfTheMachine(error)) throw error;
      // Paths of the machine say nothing to the model.
      return failed(errorMessage(error).replaceAll(`${context.workspaceDirectory}/`, ""));
    }
  }
}

/** The model cannot do anything about a full disk, or a machine without memory or room for processes. */
function isOfTheMachine(error: unknown): boolean {
  return diskProblem(error) !== null || ["ENOMEM", "EMFILE", "ENFILE", "EAGAIN"].includes(systemCode(error) ?? "");
}
