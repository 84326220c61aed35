/** `npm run bench:ops`: what each call reads and writes, at every size a deployment may have. `--check` fails on a broken budget. */
import { commandOptions } from "../command-options.js";
import { brokenBudgets } from "./budgets.js";
import { measureScenario, type OpsRow } from "./ops-cases.js";
import type { Scenario } from "./ops-world.js";

const values = commandOptions({
  json: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
});

const BASE: Scenario = { backlog: 100, conversations: 100, workers: 10, finishedWorkers: 0, history: 0 };

/** One dimension at a time, then everything at its largest. */
const SCENARIOS: Scenario[] = [
  ...[10, 100, 1_000, 5_000].map((backlog) => ({ ...BASE, backlog, conversations: backlog })),
  { ...BASE, backlog: 5_000, conversations: 10 },
  ...[1, 100].map((workers) => ({ ...BASE, workers })),
  { ...BASE, finishedWorkers: 20_000 },
  ...[500, 2_000].map((history) => ({ ...BASE, history })),
  { backlog: 5_000, conversations: 5_000, workers: 100, finishedWorkers: 20_000, history: 2_000 },
  { ...BASE, backlog: 100_000, conversations: 100 },
  { backlog: 100_000, conversations: 100_000, workers: 1_000, finishedWorkers: 20_000, history: 100_000 },
];

const rows: OpsRow[] = [];
for (const scenario of SCENARIOS) {
  process.stderr.write(`Measuring ${JSON.stringify(scenario)}\n`);
  rows.push(...(await measureScenario(scenario)));
}
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else console.table(rows);

const broken = brokenBudgets(rows);
for (const sentence of broken) process.stderr.write(`Budget broken: ${sentence}\n`);
if (values.check && broken.length > 0) process.exitCode = 1;
