/** `npm run bench:latency`: how long a user waits, next to the floor that the same backend sets in the same run. `--check` holds the ratio. */
import { parseArgs } from "node:util";
import { measureLatency } from "./latency-cases.js";

/** What a warm worker may cost a user: claiming is itself a mutation and an update, and a third is the margin. */
const MAX_CLAIM_RATIO = 3;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    turns: { type: "string", default: "60" },
    "cold-starts": { type: "string", default: "3" },
  },
});

const rows = await measureLatency({
  turns: Number(values.turns),
  coldStarts: Number(values["cold-starts"]),
  log: (line) => void process.stderr.write(`${line}\n`),
});
const [claimed] = rows;
const ratio = claimed === undefined ? Infinity : claimed.p50Ms / claimed.floorP50Ms;
process.stderr.write(`enqueue to claimed: ${ratio.toFixed(2)} times the floor, at most ${MAX_CLAIM_RATIO}\n`);
if (values.check && ratio > MAX_CLAIM_RATIO) process.exitCode = 1;

if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else console.table(rows, ["case", "p50Ms", "p95Ms", "p99Ms", "n", "floorP50Ms"]);
