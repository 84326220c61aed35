/** Runs an agent's hooks: shell commands in its workspace, before and after a turn, each within its time limit. */
import { errorMessage, type Logger, type SecretFilter } from "./logger.js";
import { baseEnvironment, describeEnding, runCommand } from "./processes/command.js";
import { redacted } from "./runtimes/redaction.js";
import { TurnFailed } from "./turn-failure.js";

/** What clones a repository or fetches a day's data; longer work belongs into the turn, where it can be seen. */
export const HOOK_TIMEOUT_MS = 5 * 60_000;
/** Enough to see what went wrong. */
const MAX_OUTPUT_CHARACTERS = 8 * 1024;
/** Of the output, for the user. */
const MAX_QUOTE_CHARACTERS = 200;

export type HookContext = {
  workspaceDirectory: string;
  temporaryDirectory: string;
  environment: Readonly<Record<string, string>>;
  filter: SecretFilter;
  logger: Logger;
  /** Ends the hook that runs; it has then not failed. */
  signal: AbortSignal;
  timeoutMs?: number;
};

/** Runs `commands` one after the other. @throws TurnFailed of the first that fails */
export async function runHooks(
  when: "before" | "after",
  commands: readonly string[],
  { workspaceDirectory, temporaryDirectory, environment, filter, logger, signal, ...options }: HookContext,
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? HOOK_TIMEOUT_MS;
  for (const [index, command] of commands.entries()) {
    const name = `Hook ${index + 1} ${when} the turn`;
    const result = await runCommand(command, {
      directory: workspaceDirectory,
      environment: { ...baseEnvironment(workspaceDirectory, temporaryDirectory), ...environment },
      timeoutMs,
      maxOutputCharacters: MAX_OUTPUT_CHARACTERS,
      clean: (piece) => redacted(filter.clean(piece), environment),
      signal,
    }).catch((error: unknown) => {
      throw new TurnFailed(`${name} could not be started: ${filter.clean(errorMessage(error))}`, "hook_failed");
    });
    if (result.endedBy === "abort") return;
    const ending = describeEnding(result, timeoutMs);
    const isFine = result.endedBy === "itself" && result.exitCode === 0;
    const { output } = result;
    logger[isFine ? "debug" : "warn"]({ hook: name, ending, output }, "A hook has ended.");
    if (isFine) continue;
    const lastLine = output.trimEnd().split("\n").at(-1)?.trim().slice(0, MAX_QUOTE_CHARACTERS) ?? "";
    throw new TurnFailed(`${name} failed (${ending}).${lastLine === "" ? "" : ` It said: ${lastLine}`}`, "hook_failed");
  }
}
