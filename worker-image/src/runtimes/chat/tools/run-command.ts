/** The tool that runs a shell command in the workspace. */
import { z } from "zod";
import { baseEnvironment, describeEnding, runCommand } from "../../../processes/command.js";
import { redacted } from "../../redaction.js";
import { tool } from "./tool.js";

const DEFAULT_TIMEOUT_S = 60;
/** A third of a turn: longer work belongs into several steps. */
const MAX_TIMEOUT_S = 300;
/** About 10,000 tokens. */
const MAX_OUTPUT_CHARACTERS = 32 * 1024;

export const runCommandTool = tool({
  name: "run_command",
  description:
    "Runs a shell command in the workspace and returns its output and exit code. " +
    "Everything it started is ended when it ends.",
  parameters: z.object({
    command: z
      .string()
      .min(1)
      .max(64 * 1024),
    timeoutSeconds: z
      .number()
      .int()
      .min(1)
      .max(MAX_TIMEOUT_S)
      .optional()
      .describe(`Time limit, ${DEFAULT_TIMEOUT_S} when left out`),
  }),
  async run({ command, timeoutSeconds = DEFAULT_TIMEOUT_S }, context) {
    const { workspaceDirectory, temporaryDirectory, environment, secrets, signal } = context;
    const timeoutMs = timeoutSeconds * 1_000;
    const result = await runCommand(command, {
      directory: workspaceDirectory,
      environment: { ...baseEnvironment(workspaceDirectory, temporaryDirectory), ...environment },
      timeoutMs,
      maxOutputCharacters: MAX_OUTPUT_CHARACTERS,
      clean: (piece) => redacted(piece, secrets),
      signal,
    });
    const ending = describeEnding(result, timeoutMs);
    return result.output === "" ? `[no output; ${ending}]` : `${result.output}\n[${ending}]`;
  },
});
