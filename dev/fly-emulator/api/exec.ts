/** Running a command in a machine: in its root directory, with its environment, while it runs. */
import { spawn } from "node:child_process";
import { kill } from "../machines/process-members.mjs";
import { ApiError, failedPrecondition, invalidArgument } from "../model/errors.js";
import { type JsonObject } from "../model/json.js";
import { MACHINE, ok, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";

/** What Fly allows a command when the request does not say, in seconds. */
const DEFAULT_TIMEOUT_SECONDS = 60;
const MAX_TIMEOUT_SECONDS = 180;
/** Output beyond this is dropped: an answer is one JSON document in memory. */
const MAX_OUTPUT_BYTES = 1_048_576;

export function execRoute(services: Services): Route {
  return {
    method: "POST",
    template: `${MACHINE}/exec`,
    action: "machine_exec",
    scope: "machine",
    handle: (request) => exec(services, request),
  };
}

async function exec({ world, booter, directories }: Services, request: ApiRequest): Promise<ApiResponse> {
  const machine = world.machineOf(request.app, request.parameters.machine_id ?? "");
  const [command, ...args] = readCommand(request.body);
  if (command === undefined) throw invalidArgument("command is required");
  if (machine.state !== "started") throw failedPrecondition(`machine is not started, it is ${machine.state}`);
  const { timeout = DEFAULT_TIMEOUT_SECONDS, stdin = "" } = request.body;
  if (typeof timeout !== "number" || timeout < 0 || timeout > MAX_TIMEOUT_SECONDS) {
    throw invalidArgument(`timeout must be at most ${MAX_TIMEOUT_SECONDS} seconds`);
  }
  if (typeof stdin !== "string") throw invalidArgument("stdin must be a string");
  return ok(
    await run(command, args, {
      cwd: directories.rootOf(machine.id),
      env: booter.environmentOf(machine),
      stdin,
      timeoutMs: (timeout === 0 ? DEFAULT_TIMEOUT_SECONDS : timeout) * 1_000,
    }),
  );
}

function readCommand({ command, cmd }: JsonObject): string[] {
  // `cmd` is the deprecated form: one string, for a shell.
  if (typeof cmd === "string" && command === undefined) return ["/bin/sh", "-c", cmd];
  if (!Array.isArray(command)) throw invalidArgument("command must be an array of strings");
  return command.map((part) => {
    if (typeof part !== "string") throw invalidArgument("command must be an array of strings");
    return part;
  });
}

function run(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; stdin: string; timeoutMs: number },
): Promise<JsonObject> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that the time-out ends whatever the command started, too.
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: "pipe", detached: true });
    const timer = setTimeout(() => {
      if (child.pid !== undefined) kill(-child.pid, "SIGKILL");
      reject(new ApiError(408, `deadline_exceeded: the command ran longer than ${options.timeoutMs / 1_000} s`));
    }, options.timeoutMs);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin);
    child.once("error", (error) => {
      clearTimeout(timer);
      // A command that is not there is the command's failure, not the call's.
      resolve({ exit_code: 127, exit_signal: 0, stdout: "", stderr: error.message });
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({
        exit_code: code ?? -1,
        exit_signal: signal === null ? 0 : 9,
        stdout: stdout(),
        stderr: stderr(),
      });
    });
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    if (size < MAX_OUTPUT_BYTES) chunks.push(chunk.subarray(0, MAX_OUTPUT_BYTES - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
