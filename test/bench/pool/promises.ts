/** What the pool promises against the one it is measured against and against the bound, and which rows break it. */
import type { PolicyName, PoolRow } from "./results.js";
import type { TraceName } from "./traces.js";

type Figure = "usd" | "p95WaitMs";

export type Promised = {
  trace: TraceName;
  policy: PolicyName;
  figure: Figure;
  /** At most this many times what this other policy comes to. */
  times: number;
  of: PolicyName;
};

export const PROMISES: readonly Promised[] = [
  { trace: "office_day", policy: "conversation", figure: "usd", times: 0.15, of: "original" },
  { trace: "office_day", policy: "conversation", figure: "p95WaitMs", times: 0.35, of: "original" },
  { trace: "long_tail", policy: "conversation", figure: "usd", times: 0.15, of: "original" },
  { trace: "long_tail", policy: "conversation", figure: "p95WaitMs", times: 0.35, of: "original" },
  { trace: "office_day", policy: "shared", figure: "usd", times: 2, of: "bound" },
];

/** How many times the other policy's figure a promise comes to. @throws when a row is missing */
export function timesOf(rows: readonly PoolRow[], { trace, policy, figure, of }: Promised): number {
  const find = (name: PolicyName) => {
    const row = rows.find((candidate) => candidate.trace === trace && candidate.policy === name);
    if (row === undefined) throw new Error(`${name} was not simulated on ${trace}.`);
    return row[figure];
  };
  return find(policy) / find(of);
}

/** A sentence per broken promise; none when all hold. */
export function brokenPromises(rows: readonly PoolRow[]): string[] {
  return PROMISES.flatMap((promised) => {
    const { trace, policy, figure, times, of } = promised;
    const actual = timesOf(rows, promised);
    // Written so that something that is no number counts as broken.
    if (actual <= times) return [];
    return [`${trace}, ${policy}: ${actual.toFixed(3)} times the ${figure} of ${of}, at most ${times}`];
  });
}
