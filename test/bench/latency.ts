/** `npm run bench:latency`: how long a user waits, next to the floor that the same backend sets in the same run. */
import { parseArgs } from "node:util";
import { measureLatency } from "./latency-cases.js";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    turns: { type: "string", default: "60" },
    "cold-starts": { type: "string", default: "3" },
  },
});

const rows = await measureLatency({
  turns: Number(values.turns),
  coldStarts: Number(values["cold-starts"]),
  log: (line) => void process.stderr.write(`${line}\n`),
});
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else console.table(rows, ["case", "p50Ms", "p95Ms", "p99Ms", "n", "floorP50Ms"]);
