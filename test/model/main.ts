/**
 * `npm run test:model`: the model-based test of the queue, as long as you like.
 *
 * `--runs 20000 --length 200` steps a run on average, from `--seed` (default: another one each time; it is printed).
 * A failure prints its seed, path and replay path: give them back with `--seed`, `--path` and `--replay` to see it again.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { commandOptions } from "../command-options.js";
import { DEFAULT_LENGTH, DEFAULT_RUNS } from "./options.js";

const values = commandOptions({
  runs: { type: "string", default: String(DEFAULT_RUNS) },
  length: { type: "string", default: String(DEFAULT_LENGTH) },
  seed: { type: "string" },
  path: { type: "string" },
  replay: { type: "string" },
});

for (const name of ["runs", "length", "seed"] as const) {
  const value = values[name];
  if (value === undefined || (/^-?\d+$/.test(value) && (name === "seed" || Number(value) > 0))) continue;
  process.stderr.write(`--${name} must be a whole number${name === "seed" ? "" : " above zero"}, not "${value}".\n`);
  process.exit(2);
}

const environment = {
  ...process.env,
  MODEL_RUNS: values.runs,
  MODEL_LENGTH: values.length,
  ...(values.seed === undefined ? {} : { MODEL_SEED: values.seed }),
  ...(values.path === undefined ? {} : { MODEL_PATH: values.path }),
  ...(values.replay === undefined ? {} : { MODEL_REPLAY: values.replay }),
};
const { status } = spawnSync("npx", ["vitest", "run", "test/model/queue.test.ts"], {
  stdio: "inherit",
  env: environment,
});
process.exit(status ?? 1);
