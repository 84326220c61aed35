/** Says why a queued message is not running yet: the one sentence its sender wants to read. */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { findHead } from "../queue/head.js";
import { findRun } from "../pool/observe.js";

export type WaitingReason = { kind: string; message: string };

/** Who reads it: an operator can do something about what is wrong with the pool, and may know how it is set up. */
export type Reader = "user" | "operator";

/** What a user is told of a problem, whatever it is: its own words may name the provider's account, and quote the provider. */
const PROBLEM_FOR_USERS =
  "No worker can be started at the moment; the operators of this app see why. The message waits, and is answered once that is mended.";

/** `null` for a message that is not waiting. The pool's problem, if any, comes before everything normal that the pool is part of. */
export async function waitingReasons(
  ctx: QueryCtx,
  lane: Doc<"lanes"> | null,
  messages: Doc<"messages">[],
  reader: Reader,
): Promise<(WaitingReason | null)[]> {
  const run = lane === null ? null : await findRun(ctx, lane.poolKey);
  // A list may be filtered or cut, so what it starts with need not be what comes next.
  const head = lane === null || lane.state === "leased" ? null : await findHead(ctx, lane.conversationId);
  return messages.map((message) => {
    if (lane === null || message.status !== "queued") return null;
    if (message._id !== head?._id)
      return { kind: "behind", message: "An earlier message of this conversation comes first." };
    if (lane.state === "paused") {
      return {
        kind: "agent_disabled",
        message: `Agent "${lane.agentKey}" is disabled; the message waits until it is enabled.`,
      };
    }
    if (lane.state === "throttled") {
      const whose = lane.waitsFor?.startsWith("user:") === true ? "this user has" : "this agent has";
      return {
        kind: "at_capacity",
        message: `As many conversations as ${whose} at once are running; this one starts when one of them ends.`,
      };
    }
    const isScheduled = lane.state === "delayed" && message.attempts === 0;
    if (isScheduled) return { kind: "scheduled", message: "It is scheduled for later." };
    if (run?.problem !== undefined) {
      return { kind: run.problem.kind, message: reader === "operator" ? run.problem.message : PROBLEM_FOR_USERS };
    }
    if (lane.state === "delayed") {
      return { kind: "retrying", message: "The last try failed; it is tried again in a moment." };
    }
    return { kind: "starting_worker", message: "A worker is about to take it." };
  });
}
