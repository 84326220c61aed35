/** Runs in which the queue and its reference have differed once, shrunk, as data; `queue.test.ts` runs them always. */
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
  {
    what: "a claim that puts a disabled agent's conversation aside gets the one that waited for its slot",
    steps: [
      { do: "setPolicy", agent: 1, policy: 7 },
      { do: "setPolicy", agent: 0, policy: 7 },
      { do: "enqueue", conversation: 0, aside: true },
      { do: "enqueue", conversation: 1 },
      { do: "setAgent", agent: 0, isEnabled: false },
      { do: "claim", worker: 0, listsLeases: false },
    ],
  },
  {
    what: "claims at the same moment each end a message of an agent that is gone",
    steps: [
      { do: "enqueue", conversation: 0, aside: true },
      { do: "enqueue", conversation: 0, aside: true },
      { do: "setPolicy", agent: 0, policy: 6 },
      { do: "claim", worker: 0, listsLeases: false },
      { do: "enqueue", conversation: 2 },
      { do: "complete", token: 0 },
      { do: "removeAgent", agent: 0 },
      { do: "claimAll" },
    ],
  },
];
