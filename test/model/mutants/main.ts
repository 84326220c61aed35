/**
 * `npm run test:mutants`: breaks the queue in many ways, one at a time, and fails unless the tests notice every one.
 *
 * `--sample N` tries N of them, chosen by `--seed` (default: another one every day); `--only TEXT` those named so.
 */
import { rm } from "node:fs/promises";
import process from "node:process";
import { commandOptions } from "../../command-options.js";
import { MUTANTS } from "./list.js";
import type { Mutant } from "./mutant.js";
import { copyTree, requireHealthy, tryMutant, type Verdict } from "./run.js";

const DAY_MS = 24 * 60 * 60_000;

const values = commandOptions({ sample: { type: "string" }, seed: { type: "string" }, only: { type: "string" } });
const seed = Number(values.seed ?? Math.floor(Date.now() / DAY_MS));

function chooseMutants(): Mutant[] {
  const named = MUTANTS.filter(({ name }) => name.includes(values.only ?? ""));
  if (values.sample === undefined) return named;
  // Neighbors in the list break the same part, so the sample is spread over it.
  const count = Math.min(Number(values.sample), named.length);
  const stride = Math.floor(named.length / count);
  return Array.from({ length: count }, (_, index) => named[(seed + index * stride) % named.length]!);
}

const say = (line: string) => process.stdout.write(`${line}\n`);

const chosen = chooseMutants();
const verdicts: Verdict[] = [];
const copy = await copyTree();
try {
  say(`seed ${seed}: ${chosen.length} of ${MUTANTS.length} mutants`);
  await requireHealthy(copy, seed);
  for (const mutant of chosen) {
    const verdict = await tryMutant(copy, mutant, seed);
    verdicts.push(verdict);
    say(
      `${verdict.caughtBy === null ? "SURVIVED" : "caught  "} ${mutant.name} (${mutant.breaks}), ${verdict.seconds} s`,
    );
    say(`           ${verdict.caughtBy ?? `in ${mutant.file}`}`);
  }
} finally {
  await rm(copy, { recursive: true, force: true });
}
const survivors = verdicts.filter(({ caughtBy }) => caughtBy === null);
say(`${verdicts.length - survivors.length} of ${verdicts.length} caught`);
if (survivors.length > 0) process.exitCode = 1;
