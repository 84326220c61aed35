/** What may happen to the queue, as data that can be generated, printed, stored and replayed. */
import fc from "fast-check";
import type { Isolation } from "../../src/shared/scope.js";

/**
 * Numbers choose among what there is at that moment (modulo its number), so that any step makes sense anywhere.
 * `repeat`: the answer is lost this often, and the caller asks again.
 */
export type Step =
  | {
      do: "enqueue";
      conversation: number;
      priority?: number;
      delayMs?: number;
      key?: number;
      aside?: boolean;
      maxAttempts?: number;
      repeat?: number;
    }
  | { do: "claim"; worker: number; isAny?: boolean; conversation?: number; isLost?: boolean; listsLeases?: boolean }
  | { do: "claimAll" }
  | { do: "heartbeat"; worker?: number }
  | { do: "complete"; token: number; isOld?: boolean; repeat?: number; other?: boolean }
  | {
      do: "fail";
      token: number;
      isOld?: boolean;
      repeat?: number;
      kind?: number;
      retryable?: boolean;
      retryAfterMs?: number;
    }
  /** `rounds`: claimed and released again this often, as by a worker that can run nothing. */
  | { do: "release"; token: number; isOld?: boolean; repeat?: number; rounds?: number }
  | { do: "stream"; token: number; isOld?: boolean; repeat?: number; gap?: boolean }
  | { do: "forge"; token: number; change: "generation" | "lease" | "worker" | "message" }
  | { do: "advance"; ms: number }
  /** `then`: what every turn that ends there does at that very instant. */
  | { do: "approach"; boundary: number; offset: -1 | 0 | 1; then?: "complete" | "fail" | "heartbeat" }
  | { do: "runJobs"; isReversed?: boolean }
  | { do: "reap"; by: "sweep" | "releaseStuckJobs" }
  | { do: "startWorker"; isolation: Isolation; capacity: number; runMs: number }
  | { do: "kill" | "lose" | "drain" | "leave" | "pause" | "resume"; worker: number }
  | { do: "duplicate"; copies: number }
  | { do: "cancel" | "redrive"; message: number }
  /** No function of the component removes an agent; an operator does, by hand, in the dashboard. */
  | { do: "removeAgent"; agent: number }
  | { do: "setAgent"; agent: number; isEnabled: boolean }
  | { do: "setPolicy"; agent: number; policy: number };

const index = fc.nat({ max: 1_000 });
/** Absent but for one time in `often`. */
const sometimes = <Value>(arbitrary: fc.Arbitrary<Value>, often = 3): fc.Arbitrary<Value | undefined> =>
  fc.oneof({ weight: often - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const repeat = sometimes(fc.integer({ min: 1, max: 3 }), 8);
const rarely = sometimes(fc.constant(true), 8);

/** A record whose absent fields are absent, so that steps print short. */
function step<Kind extends Step["do"]>(
  kind: Kind,
  fields: { [Name in Exclude<keyof Extract<Step, { do: Kind }>, "do">]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Step> {
  return fc.record(fields as Record<string, fc.Arbitrary<unknown>>).map((values) => {
    const present = Object.entries(values).filter(([, value]) => value !== undefined);
    // The fields' names are those of the kind; their values come from the arbitraries written beside the type.
    return { do: kind, ...Object.fromEntries(present) } as Step;
  });
}

const token = { token: index, isOld: sometimes(fc.constant(true), 5), repeat };

/** Mostly moments, in which leases live on; now and then more than a lease, a backoff or a delay. */
const ADVANCES = [1, 250, 1_000, 1_500, 2_000, 3_000, 5_000, 9_000, 15_000, 45_000, 130_000, 3_600_000];

const enqueue = step("enqueue", {
  conversation: index,
  priority: sometimes(fc.integer({ min: 0, max: 100 })),
  delayMs: sometimes(fc.constantFrom(1, 2_000, 60_000, 3_600_000), 8),
  key: sometimes(fc.nat({ max: 5 }), 4),
  aside: sometimes(fc.constant(true), 5),
  maxAttempts: sometimes(fc.integer({ min: 1, max: 3 })),
  repeat,
});
const claim = step("claim", {
  worker: index,
  isAny: rarely,
  conversation: sometimes(index, 5),
  isLost: rarely,
  listsLeases: fc.boolean(),
});
const advance = step("advance", { ms: fc.constantFrom(...ADVANCES) });

/** The commands with their weights: most of the time messages come and workers work. */
export const WEIGHTED_STEPS: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  { weight: 24, arbitrary: enqueue },
  { weight: 24, arbitrary: claim },
  { weight: 2, arbitrary: step("claimAll", {}) },
  { weight: 10, arbitrary: step("heartbeat", { worker: sometimes(index, 2) }) },
  { weight: 14, arbitrary: step("complete", { ...token, other: rarely }) },
  {
    weight: 8,
    arbitrary: step("fail", {
      ...token,
      kind: sometimes(index),
      retryable: sometimes(fc.boolean(), 5),
      retryAfterMs: sometimes(fc.constantFrom(1, 5_000, 600_000), 6),
    }),
  },
  { weight: 5, arbitrary: step("release", { ...token, rounds: sometimes(fc.integer({ min: 1, max: 4 }), 3) }) },
  { weight: 3, arbitrary: step("stream", { ...token, gap: rarely }) },
  {
    weight: 2,
    arbitrary: step("forge", {
      token: index,
      change: fc.constantFrom("generation", "lease", "worker", "message"),
    }),
  },
  { weight: 10, arbitrary: advance },
  {
    weight: 4,
    arbitrary: step("approach", {
      boundary: index,
      offset: fc.constantFrom(-1, 0, 0, 1),
      then: sometimes(fc.constantFrom("complete", "fail", "heartbeat"), 2),
    }),
  },
  { weight: 8, arbitrary: step("runJobs", { isReversed: rarely }) },
  { weight: 4, arbitrary: step("reap", { by: fc.constantFrom("sweep", "releaseStuckJobs") }) },
  {
    weight: 3,
    arbitrary: step("startWorker", {
      isolation: fc.constantFrom<Isolation>("shared", "shared", "shared", "conversation", "user", "agent"),
      capacity: fc.integer({ min: 1, max: 3 }),
      runMs: fc.constantFrom(20_000, 60_000, 900_000),
    }),
  },
  ...(["kill", "lose", "drain", "leave"] as const).map((kind) => ({
    weight: 1,
    arbitrary: step(kind, { worker: index }),
  })),
  { weight: 1, arbitrary: step("pause", { worker: index }) },
  { weight: 2, arbitrary: step("resume", { worker: index }) },
  { weight: 3, arbitrary: step("duplicate", { copies: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: step("cancel", { message: index }) },
  { weight: 3, arbitrary: step("redrive", { message: index }) },
  { weight: 3, arbitrary: step("setPolicy", { agent: index, policy: index }) },
  { weight: 1, arbitrary: step("removeAgent", { agent: index }) },
  { weight: 3, arbitrary: step("setAgent", { agent: index, isEnabled: fc.constantFrom(true, true, true, false) }) },
];
