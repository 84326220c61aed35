/** Runs that the queue has failed once, shrunk, as data; `queue.test.ts` runs them always. */
import type { Step } from "./steps.js";

export const REGRESSIONS: { what: string; steps: Step[] }[] = [
  {
    what: "a heartbeat exactly at the deadline loses the turn, and the next try is the same message",
    steps: [
      { do: "enqueue", conversation: 0 },
      { do: "enqueue", conversation: 0 },
      { do: "claim", worker: 0 },
      { do: "approach", boundary: 0, offset: 0 },
      { do: "heartbeat", worker: 0 },
      { do: "complete", token: 0, isOld: true },
      { do: "advance", ms: 3_000 },
      { do: "runJobs" },
      { do: "claim", worker: 0 },
    ],
  },
];
