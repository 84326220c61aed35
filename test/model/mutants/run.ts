/** Tries mutants in a private copy of the tree: each is put in, the tests run, and one of them has to fail. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Mutant } from "./mutant.js";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** What tests of the queue need of the tree. */
const COPIED = ["src", "dev", "test", "package.json", "tsconfig.json", "tsconfig.base.json", "vitest.config.ts"];
/** A mutant may hang what it breaks; the tests themselves take a minute at most. */
const TIMEOUT_MS = 5 * 60_000;
/** The model alone finds most mutants; what it leaves, the queue's own tests must find. */
const STAGES = [["test/model/queue.test.ts"], ["src/component/queue", "src/shared"]];

export type Verdict = { mutant: Mutant; caughtBy: string | null; seconds: number };

const vReport = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ title: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

/** @returns the source with the mutant in it @throws when what it replaces is not there exactly once */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const times = source.split(find).length - 1;
  if (times !== 1) {
    throw new Error(`Mutant "${name}" has rotted: ${file} contains what it replaces ${times} times. Write it anew.`);
  }
  return source.replace(find, () => replace);
}

/** The copy, to be removed by the caller. */
export async function copyTree(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "queue-mutants-"));
  for (const name of COPIED) await cp(join(ROOT, name), join(copy, name), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Runs the tests without any mutant: a tree that fails anyhow would catch everything. */
export async function requireHealthy(copy: string, seed: number): Promise<void> {
  for (const paths of STAGES) {
    const failure = await firstFailure(copy, paths, seed);
    if (failure !== null) throw new Error(`The tests fail without any mutant: ${failure}`);
  }
}

export async function tryMutant(copy: string, mutant: Mutant, seed: number): Promise<Verdict> {
  const path = join(copy, mutant.file);
  const source = await readFile(path, "utf8");
  const begin = Date.now();
  await writeFile(path, mutate(source, mutant));
  try {
    let caughtBy: string | null = null;
    for (const paths of STAGES) caughtBy ??= await firstFailure(copy, paths, seed);
    return { mutant, caughtBy, seconds: Math.round((Date.now() - begin) / 1_000) };
  } finally {
    await writeFile(path, source);
  }
}

/** The first test that fails, with the first words of why; null when all pass. */
async function firstFailure(copy: string, paths: string[], seed: number): Promise<string | null> {
  const output = join(copy, "report.json");
  await rm(output, { force: true });
  const args = ["vitest", "run", "--bail=1", "--reporter=json", `--outputFile=${output}`, ...paths];
  const environment = { ...process.env, MODEL_SEED: String(seed), MODEL_SHRINK: "0" };
  const isTimedOut = await runBounded("npx", args, copy, environment);
  if (isTimedOut) return `(still running after ${TIMEOUT_MS / 60_000} minutes)`;
  const report = vReport.parse(JSON.parse(await readFile(output, "utf8")));
  if (report.success) return null;
  const failed = report.testResults.find(({ status }) => status === "failed");
  const test = failed?.assertionResults.find(({ status }) => status === "failed");
  const file = failed?.name.slice(copy.length + 1) ?? "a test";
  const why = firstViolation(test?.failureMessages?.[0] ?? failed?.message ?? "");
  return `${file}: ${test?.title ?? "(does not load)"}${why === "" ? "" : ` — ${why}`}`;
}

/** Of a failure of the model, what it has found; of any other, its first line. */
function firstViolation(message: string): string {
  const found = /\b(?:INV-\d|counters:).*/.exec(message)?.[0];
  return (found ?? message.split("\n")[0] ?? "").slice(0, 120);
}

async function runBounded(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    // A group of its own, so that what vitest starts ends with it.
    const child = spawn(command, args, { cwd, env, stdio: "ignore", detached: true });
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, TIMEOUT_MS);
    child.once("error", reject);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve(isTimedOut);
    });
  });
}
