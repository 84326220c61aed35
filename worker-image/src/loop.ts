/** Decides what the worker does next: claims while there is room and work, aborts what was taken away, drains, stops. */
import type { FailureKind } from "../../src/shared/failure.js";
import type { Claim, Inbox } from "../../src/shared/worker-protocol.js";
import { CallAborted, isRejection, type WorkerSession } from "./backend/session.js";
import { errorMessage, type Logger } from "./logger.js";
import { jitteredBackoffMs, monotonicMs, settledWithin, untilAborted } from "./timing.js";
import type { Turn, TurnOutcome } from "./turn.js";

/** A ticket that led to nothing is tried again this often: a wake-up that got lost must not strand a conversation. */
const RECHECK_MS = 30_000;
/** A claim that failed is tried again: soon, for somebody waits, and ever less often, for the backend may be down. */
const RETRY = { baseMs: 500, factor: 2, capMs: RECHECK_MS, jitter: 0.25 };
/** Several times what a worker runs at once; what is older has expired in the backend. */
const MAX_ENDED = 256;
/** Turns that are told to stop need a moment for their files; nobody waits for them any longer. */
const STOP_TIMEOUT_MS = 4_000;

export type LoopOptions = {
  session: WorkerSession;
  /** How many turns may run at once. */
  capacity: number;
  createTurn: (claim: Claim, claimedAtMs: number) => Turn;
  /** Tells the inbox whether this worker has room. */
  watchInbox: (wantsWork: boolean) => void;
  /** The backend says that the worker should go. */
  onDrain: () => void;
  onStop: () => void;
  /** Called after each turn with what it failed of, e.g. to tidy the disk. Nothing is claimed before it resolves. */
  onTurnOver: (failure: FailureKind | null) => Promise<void>;
  logger: Logger;
};

export class WorkerLoop {
  private readonly turns = new Map<string, { turn: Turn; done: Promise<unknown> }>();
  /** Leases that have ended here without the backend's knowing: it must not hand them out again as if nothing had run. */
  private readonly abandoned = new Set<string>();
  /** The newest leases that have ended here; the inbox may list them a moment longer. */
  private readonly ended = new Set<string>();
  /** Leases that the inbox has named, nobody here has, and a claim did not bring. */
  private missed: ReadonlySet<string> = new Set();
  /** It was away for a while, and whoever has woken it is likely to have work. */
  private isBack = false;
  private inbox: Inbox | null = null;
  /** The ticket for which a claim found nothing. */
  private exhaustedTicket: string | null = null;
  private claiming: Promise<void> | null = null;
  /** Turns that are over, after which it is still open whether this worker goes on. */
  private unsettled = 0;
  private readonly closed = new AbortController();
  private readonly recheck: NodeJS.Timeout;
  private failures = 0;
  private retry: NodeJS.Timeout | null = null;

  constructor(private readonly options: LoopOptions) {
    this.recheck = setInterval(() => this.claimAgain(), RECHECK_MS);
    this.recheck.unref();
  }

  get running(): number {
    return this.turns.size;
  }

  /** Nobody here goes on with these leases, which the backend may still count as this worker's. */
  abandon(leaseIds: readonly string[]): void {
    for (const leaseId of leaseIds) {
      this.abandoned.add(leaseId);
      this.ended.add(leaseId);
    }
  }

  heldLeases(): ReadonlySet<string> {
    return new Set(this.turns.keys());
  }

  onInbox(inbox: Inbox): void {
    this.inbox = inbox;
    if (inbox.state === "stop") {
      this.options.onStop();
      return;
    }
    for (const [leaseId, { turn }] of this.turns) {
      if (inbox.leaseIds.includes(leaseId)) turn.isListed = true;
      else if (turn.isListed) turn.leaseLost();
    }
    if (inbox.state === "drain") this.options.onDrain();
    this.claimMore();
  }

  /** The backend had given this worker up: these leases are gone, and what waits may be claimed under new ones. */
  onLapsed(leases: ReadonlySet<string>): void {
    this.options.logger.warn({ lostLeases: leases.size }, "The backend had given this worker up; going on afresh.");
    for (const leaseId of leases) this.turns.get(leaseId)?.turn.leaseLost();
    this.claimAgain();
  }

  /** Claims what an earlier try did not get. */
  claimAgain(): void {
    this.exhaustedTicket = null;
    this.missed = new Set();
    this.claimMore();
  }

  /** Asks for work once without waiting to be told that there is some: back from a sleep, that is a round trip less. */
  comeBack(): void {
    this.isBack = true;
    this.claimAgain();
  }

  /** Claims nothing more, gives back what has not begun, waits for the rest until `grace` is aborted, then ends it. */
  async drain(grace: AbortSignal): Promise<void> {
    this.close();
    for (const { turn } of this.turns.values()) turn.shutDown({ now: false });
    // A claim that is on its way may still bring a turn; it is given back as soon as it is here.
    if (this.claiming !== null) await Promise.race([this.claiming, untilAborted(grace)]);
    await Promise.race([this.allOver(), untilAborted(grace)]);
    for (const { turn } of this.turns.values()) turn.shutDown({ now: true });
    await settledWithin(this.allOver(), STOP_TIMEOUT_MS);
  }

  /** Ends every turn without telling anybody. */
  async stop(): Promise<void> {
    this.close();
    for (const { turn } of this.turns.values()) turn.stop();
    await settledWithin(this.allOver(), STOP_TIMEOUT_MS);
  }

  private close(): void {
    this.closed.abort();
    clearInterval(this.recheck);
    if (this.retry !== null) clearTimeout(this.retry);
    this.options.watchInbox(false);
  }

  private async allOver(): Promise<void> {
    await Promise.allSettled([...this.turns.values()].map(({ done }) => done));
  }

  private claimMore(): void {
    if (this.claiming !== null || !this.mayClaim()) return;
    this.claiming = this.claimWhileThereIs().finally(() => {
      this.claiming = null;
      this.updateInbox();
      // The inbox may have changed while the last answer was on its way.
      this.claimMore();
    });
  }

  private mayClaim(): boolean {
    const hasRoom = this.turns.size < this.options.capacity && !this.closed.signal.aborted;
    if (!hasRoom || this.unsettled > 0 || this.inbox?.state !== "run") return false;
    const { work } = this.inbox;
    const isOffered = work !== null && work !== this.exhaustedTicket;
    return this.isBack || isOffered || this.unknown().some((leaseId) => !this.missed.has(leaseId));
  }

  /** The answer to a claim got lost for good: the lease waits for whoever asks for it by not naming it. */
  private unknown(): string[] {
    return this.inbox?.leaseIds.filter((leaseId) => !this.turns.has(leaseId) && !this.ended.has(leaseId)) ?? [];
  }

  private async claimWhileThereIs(): Promise<void> {
    while (this.mayClaim()) {
      const ticket = this.inbox?.work ?? null;
      const asked = new Set(this.unknown());
      this.isBack = false;
      try {
        const isWorking = await this.claimOne();
        this.failures = 0;
        if (isWorking) continue;
      } catch (error) {
        if (error instanceof CallAborted) return;
        // Whether a refusal is the end is found out elsewhere; until then it is a failure like any other.
        if (!isRejection(error)) {
          this.options.logger.warn({ reason: errorMessage(error) }, "Could not claim work; trying again soon.");
        }
        this.retryLater();
      }
      this.exhaustedTicket = ticket;
      this.missed = asked;
    }
  }

  private retryLater(): void {
    this.failures += 1;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = setTimeout(() => this.claimAgain(), jitteredBackoffMs(RETRY, this.failures));
    this.retry.unref();
  }

  private async claimOne(): Promise<boolean> {
    const sentAtMs = monotonicMs();
    // Read anew for each try: a late answer may have brought a turn in the meantime.
    const withKnown = <Credentials extends object>(credentials: Credentials) => ({
      ...credentials,
      knownLeaseIds: [...this.turns.keys(), ...this.abandoned],
    });
    const claim = await this.options.session.mutate("workerClaim", withKnown, {
      signal: this.closed.signal,
      // Its lease counts although nobody waited for it any more, so it is run or given back like any other.
      onLateResult: (late) => {
        if (late !== null) this.begin(late, sentAtMs);
      },
    });
    if (claim !== null) this.begin(claim, sentAtMs);
    return claim !== null;
  }

  private begin(claim: Claim, claimedAtMs: number): void {
    if (this.turns.has(claim.leaseId)) return;
    const turn = this.options.createTurn(claim, claimedAtMs);
    // More than there is room for, or too late: the turn gives itself back.
    if (this.closed.signal.aborted || this.turns.size >= this.options.capacity) turn.shutDown({ now: false });
    const done = turn.run().then(async (outcome) => {
      this.turns.delete(claim.leaseId);
      this.remember(claim.leaseId, outcome);
      this.unsettled += 1;
      await this.options.onTurnOver(turn.failure);
      this.unsettled -= 1;
      this.updateInbox();
      this.claimMore();
    });
    this.turns.set(claim.leaseId, { turn, done });
    this.updateInbox();
  }

  private remember(leaseId: string, outcome: TurnOutcome): void {
    this.ended.add(leaseId);
    if (outcome === "abandoned") this.abandoned.add(leaseId);
    for (const set of [this.ended, this.abandoned]) {
      for (const oldest of [...set].slice(0, Math.max(0, set.size - MAX_ENDED))) set.delete(oldest);
    }
  }

  private updateInbox(): void {
    if (!this.closed.signal.aborted) this.options.watchInbox(this.turns.size < this.options.capacity);
  }
}
