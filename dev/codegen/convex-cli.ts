/** Runs the stock Convex CLI's `codegen` against an endpoint, without network, credentials or a trace in the home folder. */
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/** A run takes a few seconds; a machine under load may take ten times as long. */
const CLI_TIMEOUT_MS = 180_000;
/** Enough of the end of the CLI's output to explain a failure. */
const MAX_OUTPUT_CHARACTERS = 20_000;

export interface CliRun {
  /** Folder with `package.json`, `convex.json` and `node_modules`. */
  projectDirectory: string;
  /** Relative folder of a component, or null to generate for the app. */
  componentDirectory: string | null;
  endpoint: { url: string; adminKey: string };
  /** Folder that the CLI may use as home and for its temporary files. */
  scratchDirectory: string;
  signal: AbortSignal | undefined;
}

/** @throws with the CLI's own output if it fails or takes longer than three minutes. */
export async function runConvexCodegen(run: CliRun): Promise<void> {
  const home = join(run.scratchDirectory, "home");
  const temporary = join(run.scratchDirectory, "tmp");
  await mkdir(home, { recursive: true });
  await mkdir(temporary, { recursive: true });
  const convex = join(run.projectDirectory, "node_modules", "convex", "bin", "main.js");
  const target = run.componentDirectory === null ? [] : ["--component-dir", run.componentDirectory];
  const { status, output } = await collect(
    [convex, "codegen", "--typecheck", "disable", ...target],
    run.projectDirectory,
    {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      USERPROFILE: home,
      XDG_CACHE_HOME: join(home, "cache"),
      XDG_CONFIG_HOME: join(home, "config"),
      TMPDIR: temporary,
      CONVEX_TMPDIR: temporary,
      // Switches off error reports over the network, prompts and hints.
      CI: "1",
      // In the environment, as every user of the machine can read a command line.
      CONVEX_SELF_HOSTED_URL: run.endpoint.url,
      CONVEX_SELF_HOSTED_ADMIN_KEY: run.endpoint.adminKey,
    },
    run.signal,
  );
  if (status !== 0) {
    throw new Error(
      `convex codegen failed (${status ?? "stopped"}) for ${run.componentDirectory ?? "the app"}:\n${output}`,
    );
  }
}

function collect(
  args: string[],
  cwd: string,
  env: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: CLI_TIMEOUT_MS,
      // It works in a copy that is thrown away, so there is nothing for it to finish.
      killSignal: "SIGKILL",
      ...(signal === undefined ? {} : { signal }),
    });
    let output = "";
    const append = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.on("data", append);
    child.stderr.on("data", append);
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, output }));
  });
}
