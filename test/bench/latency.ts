/** `npm run bench:latency`: how long a user waits, next to the floor that the same backend sets in the same run. `--check` holds the limits. */
import { commandOptions } from "../command-options.js";
import { measureLatency } from "./latency-cases.js";
import { brokenLatencyLimits } from "./latency-limits.js";

/**
 * A check measures again, on a new system, before it calls a limit broken: another program that takes the processor for a
 * moment can only make it worse, never better.
 */
const MAX_CHECKS = 3;

const values = commandOptions({
  json: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
  turns: { type: "string", default: "30" },
  resumes: { type: "string", default: "3" },
  "cold-starts": { type: "string", default: "2" },
});

const log = (line: string) => void process.stderr.write(`${line}\n`);
const measure = async () =>
  await measureLatency({
    turns: Number(values.turns),
    resumes: Number(values.resumes),
    coldStarts: Number(values["cold-starts"]),
    log,
  });

let rows = await measure();
let broken = brokenLatencyLimits(rows);
for (let check = 1; values.check && check < MAX_CHECKS && broken.length > 0; check++) {
  for (const line of broken) log(`${line}; measuring again`);
  rows = await measure();
  broken = brokenLatencyLimits(rows);
}
for (const line of broken) log(line);
if (values.check && broken.length > 0) process.exitCode = 1;

if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else console.table(rows, ["case", "p50Ms", "p95Ms", "p99Ms", "n", "floorP50Ms"]);
