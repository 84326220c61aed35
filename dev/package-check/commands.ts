/** Runs the programs the check relies on; what they say is shown only when they fail. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const repositoryRoot = fileURLToPath(new URL("../../", import.meta.url));

/** Compiling twice on a busy machine takes half a minute; ten times that means that something hangs. */
const COMMAND_TIMEOUT_MS = 300_000;

/**
 * Runs a program to its end and returns its standard output.
 *
 * @throws Error with everything the program printed when it fails or takes longer than five minutes.
 */
export async function run(program: string, args: string[], options: { cwd: string }): Promise<string> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: COMMAND_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  let everything = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    everything += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    everything += text;
  });
  const ending = await new Promise<string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve(code === 0 ? null : `ended with ${signal ?? `exit code ${String(code)}`}`);
    });
  });
  if (ending !== null) throw new Error(`${program} ${args.join(" ")} ${ending}:\n${everything.trim()}`);
  return output;
}

/** Runs a program that comes with one of the development dependencies. */
export function runTool(name: string, args: string[], options: { cwd: string }): Promise<string> {
  return run(`${repositoryRoot}node_modules/.bin/${name}`, args, options);
}
