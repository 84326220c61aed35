/** Steps of workers: everything they do with what they have claimed. */
import type { FailureKind } from "../../src/shared/failure.js";
import { isAlive, isRejected, type Lease, type Worker } from "./reference/state.js";
import { complete, deadTurnsOf, fail, release } from "./reference/turns.js";
import {
  claimedOf,
  credentialsOf,
  expectAccepted,
  expectRefusal,
  pick,
  refusalOf,
  requireWithin,
  type Driver,
} from "./driver.js";
import { require } from "./world.js";

/** Failures that no repetition can mend, and others: written down a second time on purpose. */
const FINAL_FAILURES: FailureKind[] = [
  "invalid_input",
  "unauthorized",
  "forbidden",
  "budget_exceeded",
  "config_error",
  "context_overflow",
  "output_too_large",
  "agent_removed",
];
const FAILURE_KINDS: FailureKind[] = [...FINAL_FAILURES, "rate_limited", "overloaded", "unreachable", "timeout"];

export async function heartbeat(driver: Driver, worker: Worker): Promise<void> {
  const { world, reference } = driver;
  const { now } = world;
  const outcome = await world.call<boolean>("lib:heartbeat", credentialsOf(worker));
  if (isRejected(worker, now)) return expectRefusal(outcome, "worker_rejected", "a heartbeat of a worker that is gone");
  const isKept = expectAccepted(outcome, "a heartbeat");
  const wasAlive = isAlive(worker, now);
  require(isKept === wasAlive, () => `INV-05: the heartbeat of ${worker.id} was answered ${isKept}`);
  if (!wasAlive) {
    driver.loseTurns(deadTurnsOf(reference, worker, now), now);
    worker.life += 1;
    worker.isCounted = true;
    driver.note("revived");
  }
  worker.expiresAt = now + worker.leaseMs;
}

export async function completeTurn(driver: Driver, lease: Lease, isOther: boolean): Promise<void> {
  const { world } = driver;
  const { now } = world;
  const reply = isOther ? `another reply to ${lease.id}` : `reply to ${lease.id}`;
  const before = world.rows();
  const outcome = await world.call<boolean>("lib:complete", { ...claimedOf(lease), reply });
  const refusal = refusalOf(lease, now);
  const { completion } = lease.message;
  if (refusal === "lease_lost" && completion?.leaseId === lease.id && completion.generation === lease.generation) {
    if (completion.reply !== reply) return expectRefusal(outcome, "already_completed", "another result");
    expectAccepted(outcome, "the same result");
    require(world.changesSince(before).length === 0, () => "INV-18: completing again changed something");
    driver.note("completed again");
    return;
  }
  if (refusal !== null) return expectRefusal(outcome, refusal, "complete");
  expectAccepted(outcome, "complete");
  complete(lease, reply, now);
  driver.note("completed");
}

export async function failTurn(
  driver: Driver,
  lease: Lease,
  wish: { kind?: number; retryable?: boolean; retryAfterMs?: number },
): Promise<void> {
  const { world } = driver;
  const { now } = world;
  const errorKind = wish.kind === undefined ? undefined : pick(FAILURE_KINDS, wish.kind)!;
  const { retryable, retryAfterMs } = wish;
  const isRetryable = retryable ?? (errorKind === undefined || !FINAL_FAILURES.includes(errorKind));
  const outcome = await world.call<{ requeued: boolean; deadLettered: boolean; nextScheduledFor: number | null }>(
    "lib:fail",
    {
      ...claimedOf(lease),
      errorMessage: "It broke.",
      ...(errorKind === undefined ? {} : { errorKind }),
      ...(retryable === undefined ? {} : { retryable }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
  const refusal = refusalOf(lease, now);
  if (refusal !== null) return expectRefusal(outcome, refusal, "fail");
  const { requeued, deadLettered, nextScheduledFor } = expectAccepted(outcome, "fail");
  const failure = { retryable: isRetryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  const window = fail(lease, failure, now, nextScheduledFor ?? 0);
  require(requeued === (window !== null) && deadLettered === (window === null), () =>
    `INV-21, INV-24: ${lease.message.id} failed for the ${lease.message.attempts}. time: requeued ${requeued}`);
  if (window !== null) requireWithin(window, nextScheduledFor ?? 0, lease);
  driver.note(window === null ? "dead letter" : "failed");
}

export async function releaseTurn(driver: Driver, lease: Lease): Promise<void> {
  const { now } = driver.world;
  const outcome = await driver.world.call<boolean>("lib:release", claimedOf(lease));
  const refusal = refusalOf(lease, now);
  if (refusal !== null) return expectRefusal(outcome, refusal, "release");
  expectAccepted(outcome, "release");
  const chosen = driver.messageRow(lease.message).scheduledFor;
  requireWithin(release(lease, now, chosen), chosen, lease);
  driver.note("released");
}

export async function stream(driver: Driver, lease: Lease, offset: number): Promise<void> {
  const { world } = driver;
  const text = "word ";
  const args = { ...claimedOf(lease), offset, text };
  const outcome = await world.call<{ length: number }>("lib:appendTurnDelta", args);
  const refusal = refusalOf(lease, world.now);
  if (refusal !== null) return expectRefusal(outcome, refusal, "a delta");
  if (offset > lease.streamed) return expectRefusal(outcome, "output_gap", "a delta after a gap");
  const { length } = expectAccepted(outcome, "a delta");
  lease.streamed = Math.max(lease.streamed, offset + text.length);
  require(length === lease.streamed, () => `INV-19: ${length} characters are stored, not ${lease.streamed}`);
}

/** A call with a token that nobody was given. */
export async function forge(
  driver: Driver,
  lease: Lease,
  change: "generation" | "lease" | "worker" | "message",
): Promise<void> {
  const { world, reference } = driver;
  const others = {
    generation: { generation: lease.generation + 1 },
    lease: {
      leaseId:
        pick(
          reference.tokens.filter((other) => other !== lease),
          0,
        )?.id ?? "no lease",
    },
    message: { messageId: [...reference.messages.keys()].find((id) => id !== lease.message.id) ?? "no message" },
    worker: credentialsOf(reference.workers.find((other) => other !== lease.worker) ?? lease.worker),
  };
  const args = { ...claimedOf(lease), ...others[change] };
  const caller = reference.workers.find(({ id }) => id === args.workerId)!;
  const expected = isRejected(caller, world.now) ? "worker_rejected" : "lease_lost";
  expectRefusal(
    await world.call("lib:complete", { ...args, reply: "forged" }),
    expected,
    `complete with another ${change}`,
  );
  expectRefusal(
    await world.call("lib:fail", { ...args, errorMessage: "forged" }),
    expected,
    `fail with another ${change}`,
  );
  expectRefusal(await world.call("lib:release", args), expected, `release with another ${change}`);
}
