/** `npm run bench:latency`: how long a user waits, next to the floor that the same backend sets in the same run. `--check` holds the ratio. */
import { parseArgs } from "node:util";
import { measureLatency, type LatencyRow } from "./latency-cases.js";

/** What a warm worker may cost a user: claiming is itself a mutation and an update, and a third is the margin. */
const MAX_CLAIM_RATIO = 3;
/**
 * A check measures again, on a new system, before it calls the ratio broken: another program that takes the processor for a
 * moment can only make it worse, never better.
 */
const MAX_CHECKS = 3;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    turns: { type: "string", default: "60" },
    "cold-starts": { type: "string", default: "3" },
  },
});

const log = (line: string) => void process.stderr.write(`${line}\n`);

function claimRatio([claimed]: LatencyRow[]): number {
  return claimed === undefined ? Infinity : claimed.p50Ms / claimed.floorP50Ms;
}

async function measureOnce(): Promise<LatencyRow[]> {
  const rows = await measureLatency({ turns: Number(values.turns), coldStarts: Number(values["cold-starts"]), log });
  log(`enqueue to claimed: ${claimRatio(rows).toFixed(2)} times the floor, at most ${MAX_CLAIM_RATIO}`);
  return rows;
}

let rows = await measureOnce();
for (let check = 1; values.check && check < MAX_CHECKS && claimRatio(rows) > MAX_CLAIM_RATIO; check++) {
  rows = await measureOnce();
}
if (values.check && claimRatio(rows) > MAX_CLAIM_RATIO) process.exitCode = 1;

if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else console.table(rows, ["case", "p50Ms", "p95Ms", "p99Ms", "n", "floorP50Ms"]);
