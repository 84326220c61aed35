/** What the steps share: whom they choose, which answer they expect, and what a sweep does to the reference. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { AgentFactoryErrorKind } from "../../src/shared/errors.js";
import type { Deployment } from "./setup.js";
import { wake } from "./reference/lanes.js";
import {
  isAlive,
  isHeld,
  isRejected,
  type Lease,
  type Message,
  type Reference,
  type Worker,
} from "./reference/state.js";
import { deadTurns, fail, type Window } from "./reference/turns.js";
import { require, type Outcome, type World } from "./world.js";

export class Driver {
  readonly world: World;
  readonly reference: Reference;
  /** The last call as it was made, to be made again. */
  last: (() => Promise<void>) | null = null;
  /** Nobody runs the pool's reconcile: the queue has to keep its own clock. */
  isPoolDead = false;
  /** While all is healed at the end, which is not what the run was about. */
  isHealing = false;
  /** What happened, for reports: how often each kind of thing. */
  readonly tally = new Map<string, number>();

  constructor({ world, reference }: Deployment) {
    this.world = world;
    this.reference = reference;
  }

  note(what: string): void {
    if (this.isHealing) return;
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  /** Workers whose process runs. */
  actors(): Worker[] {
    return this.reference.workers.filter(({ isPaused, isKilled }) => !isPaused && !isKilled);
  }

  /** A turn some running process believes to have; of those that still run, unless an old one is asked for. */
  tokenAt(index: number, isOld: boolean | undefined): Lease | null {
    const actors = this.actors();
    const tokens = this.reference.tokens.filter(({ worker }) => actors.includes(worker));
    const current = tokens.filter((token) => token.message.conversation.lease === token);
    return pick(isOld === true ? tokens : current, index) ?? pick(tokens, index);
  }

  messageRow(message: Message): Doc<"messages"> {
    const row = this.world.table("messages").find(({ _id }) => _id === message.id);
    require(row !== undefined, () => `INV-14: message ${message.id} is gone`);
    return row;
  }

  /** Notes that these turns were taken back, as rows say when each is tried again. */
  loseTurns(leases: readonly Lease[], now: number): { requeued: number; deadLettered: number } {
    let requeued = 0;
    for (const lease of leases) {
      const chosen = this.messageRow(lease.message).scheduledFor;
      const window = fail(lease, { retryable: true }, now, chosen);
      this.note(window === null ? "lost for good" : "lost");
      if (window === null) continue;
      requireWithin(window, chosen, lease);
      requeued += 1;
    }
    return { requeued, deadLettered: leases.length - requeued };
  }

  /** Runs something that may take back what is dead, and notes what it has. */
  async adopting(run: () => Promise<void>): Promise<void> {
    const { now } = this.world;
    const dead = deadTurns(this.reference, now);
    await run();
    const left = new Set(this.world.table("leases").map(({ _id }) => String(_id)));
    this.loseTurns(
      dead.filter(({ id }) => !left.has(id)),
      now,
    );
  }

  /** Runs something that must take back all that is dead, and notes it. */
  async recovering<Result>(run: () => Promise<Result>): Promise<{ result: Result; requeued: number; dead: number }> {
    const { now } = this.world;
    const dead = deadTurns(this.reference, now);
    const result = await run();
    const { requeued, deadLettered } = this.loseTurns(dead, now);
    for (const worker of this.reference.workers) worker.isCounted = isAlive(worker, now);
    return { result, requeued, dead: deadLettered };
  }

  /** What the pool's reconcile does to the queue. */
  async sweep(): Promise<void> {
    if (this.isPoolDead) return;
    await this.recovering(async () => {
      wake(this.reference, this.world.now);
      await this.world.call("pool/internal:sweep", { poolKey: "default" });
    });
  }
}

export const pick = <Value>(values: readonly Value[], index: number): Value | null =>
  values[index % Math.max(1, values.length)] ?? null;

export function requireWithin(window: Window, chosen: number, { message }: Lease): void {
  require(chosen >= window.from && chosen <= window.to, () =>
    `INV-23: ${message.id} is tried again at ${chosen}, not within ${window.from} and ${window.to}`);
}

export function expectRefusal(outcome: Outcome<unknown>, kind: AgentFactoryErrorKind, what: string): void {
  require(outcome.refused === kind, () => {
    const got = outcome.refused ?? `accepted with ${JSON.stringify(outcome.value)}`;
    return `INV-03: ${what} should be refused as ${kind}, but was ${got}`;
  });
}

export function expectAccepted<Result>(outcome: Outcome<Result>, what: string): Result {
  require(outcome.refused === null, () => `${what} should be accepted, but was refused as ${String(outcome.refused)}`);
  return outcome.value;
}

/** Why a call with this token must be refused now; null when it must be accepted. */
export function refusalOf(lease: Lease, now: number): "worker_rejected" | "lease_lost" | null {
  if (isRejected(lease.worker, now)) return "worker_rejected";
  return isHeld(lease, now) ? null : "lease_lost";
}

export const credentialsOf = ({ id, token }: Worker) => ({ workerId: id, workerToken: token });

export const claimedOf = (lease: Lease) => ({
  ...credentialsOf(lease.worker),
  messageId: lease.message.id,
  leaseId: lease.id,
  generation: lease.generation,
});
