/** Brings what is measured into `docs/pool-economics.md`: each table stands between two marks and is written anew. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { USD_PER_RESTING_SECOND, USD_PER_STARTED_SECOND } from "./assumptions.js";
import { dollars, poolChart, seconds } from "./chart.js";
import { PROMISES, timesOf } from "./promises.js";
import { breakEvenSeconds, retiring, suspending } from "./rent-or-buy.js";
import type { PoolRow } from "./results.js";

const PAGE = fileURLToPath(new URL("../../../docs/pool-economics.md", import.meta.url));
const CHART = fileURLToPath(new URL("../../../docs/images/pool-economics.svg", import.meta.url));

type Cell = string | number;

export async function writeResults(rows: readonly PoolRow[]): Promise<void> {
  await writeFile(CHART, poolChart(rows));
  await writeSections({ results: resultsTable(rows), promises: promisesTable(rows), choices: choicesTable() });
}

/** The page with each section in place of what stood between its marks. @throws for a section without marks */
export function withSections(page: string, sections: Record<string, string>): string {
  let text = page;
  for (const [name, content] of Object.entries(sections)) {
    const begin = `<!-- bench:pool ${name} -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf("<!-- /bench:pool -->", from);
    if (from < 0 || to < 0) throw new Error(`The page has no place for "${name}": ${begin} … <!-- /bench:pool -->`);
    text = `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
  }
  return text;
}

async function writeSections(sections: Record<string, string>): Promise<void> {
  const page = withSections(await readFile(PAGE, "utf8"), sections);
  await writeFile(PAGE, await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
}

function table(head: Cell[], rows: Cell[][]): string {
  const lines = [head, head.map((_, index) => (index === 0 ? "---" : "--:")), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function resultsTable(rows: readonly PoolRow[]): string {
  const head = ["trace", "policy", "started s", "USD", "p50", "p95", "p99", "provider calls", "machines at most"];
  return table(
    head,
    rows.map((row) => [
      row.trace,
      row.policy,
      grouped(row.machineSeconds),
      dollars(row.usd),
      seconds(row.p50WaitMs),
      seconds(row.p95WaitMs),
      seconds(row.p99WaitMs),
      grouped(row.providerCalls),
      row.peakMachines,
    ]),
  );
}

function promisesTable(rows: readonly PoolRow[]): string {
  const words = { usd: "bill", p95WaitMs: "p95 wait" } as const;
  return table(
    ["promise", "at most", "measured", "kept"],
    PROMISES.map((promised) => {
      const { trace, policy, figure, of, times } = promised;
      const actual = timesOf(rows, promised);
      return [
        `${words[figure]} of \`${policy}\` on ${trace}, to that of \`${of}\``,
        `${times} ×`,
        `${actual.toFixed(2)} ×`,
        actual <= times ? "yes" : "no",
      ];
    }),
  );
}

/** Prices of an hour of somebody's waiting, USD, from "costs nothing" to what an hour of work costs. */
const HOURLY = [0, 0.07, 1, 30];
/**
 * How much longer one waits for a worker that sleeps than for one that is up, and for a new one or a spare than for one's own that
 * sleeps: medians of the simulated office day, s.
 */
const LONGER = { resume: 1.2, create: 18, spare: 1.5 };

function choicesTable(): string {
  const after = (choose: typeof retiring, waited: number, hourly: number) =>
    duration(breakEvenSeconds(choose({ seconds: waited, usdPerSecond: hourly / 3_600 })));
  const prices = `USD per second: ${USD_PER_STARTED_SECOND.toExponential(3)} started, ${USD_PER_RESTING_SECOND.toExponential(3)} suspended.`;
  const rows = HOURLY.map((hourly) => [
    hourly === 0 ? "nothing" : `${hourly} USD`,
    after(suspending, LONGER.resume, hourly),
    after(retiring, LONGER.spare, hourly),
    after(retiring, LONGER.create, hourly),
  ]);
  const head = ["an hour of waiting is worth", "suspend after", "retire after, with spares", "retire after, without"];
  return `${prices}\n\n${table(head, rows)}`;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function duration(inSeconds: number): string {
  if (inSeconds < 90) return `${Math.round(inSeconds)} s`;
  if (inSeconds < 90 * 60) return `${Math.round(inSeconds / 60)} min`;
  if (inSeconds < 48 * 3_600) return `${Math.round(inSeconds / 3_600)} h`;
  return `${Math.round(inSeconds / 86_400)} days`;
}
