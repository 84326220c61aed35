/**
 * `npm run bench:pool`: what each policy costs and how long its users wait, on four workloads, in virtual time. `--check`
 * fails on a broken promise, `--write` brings the tables and the chart of the docs up to date, `--sweep` tries other settings.
 */
import { commandOptions } from "../../command-options.js";
import { writeResults } from "./docs-page.js";
import { brokenPromises } from "./promises.js";
import { simulate } from "./policies.js";
import { POLICIES, toRow, type PoolRow } from "./results.js";
import { sweep } from "./sweep.js";
import { makeTrace, TRACES } from "./traces.js";

const values = commandOptions({
  json: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
  write: { type: "boolean", default: false },
  sweep: { type: "boolean", default: false },
  seed: { type: "string", default: "1" },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) throw new Error("--seed must be a whole number that is not negative.");

const log = (line: string) => void process.stderr.write(`${line}\n`);

function print(table: object[]): void {
  if (values.json) process.stdout.write(`${JSON.stringify(table)}\n`);
  else console.table(table);
}

async function measure(): Promise<PoolRow[]> {
  const rows: PoolRow[] = [];
  for (const name of TRACES) {
    const trace = makeTrace(name, seed);
    log(`Simulating ${name}: ${trace.messages.length} messages`);
    for (const policy of POLICIES) rows.push(toRow(name, policy, await simulate(trace, policy, seed)));
  }
  return rows;
}

if (values.sweep) {
  print(await sweep(seed, log));
} else {
  const rows = await measure();
  print(rows);
  if (values.write) await writeResults(rows);
  const broken = brokenPromises(rows);
  for (const sentence of broken) log(`Promise broken: ${sentence}`);
  if (values.check && broken.length > 0) process.exitCode = 1;
}
