/** Decides what the worker does next: claims while there is room and work, aborts what was taken away, drains, stops. */
import type { Claim, Inbox } from "../../src/shared/worker-protocol.js";
import { CallAborted, isRejection, type WorkerSession } from "./backend/session.js";
import { errorMessage, type Logger } from "./logger.js";
import { monotonicMs, settledWithin, untilAborted } from "./timing.js";
import type { Turn, TurnOutcome } from "./turn.js";

/** A ticket that led to nothing is tried again this often: a wake-up that got lost must not strand a conversation. */
const RECHECK_MS = 30_000;
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
  /** Called after each turn, e.g. to tidy the disk. */
  onTurnOver: () => void;
  logger: Logger;
};

export class WorkerLoop {
  private readonly turns = new Map<string, { turn: Turn; done: Promise<unknown> }>();
  /** Leases that have ended here without the backend's knowing: it must not hand them out again as if nothing had run. */
  private readonly abandoned = new Set<string>();
  /** The newest leases that have ended here; the inbox may list them a moment longer. */
  private readonly ended = new Set<string>();
  private hasAskedForUnknown = false;
  private inbox: Inbox | null = null;
  /** The ticket for which a claim found nothing. */
  private exhaustedTicket: string | null = null;
  private claiming: Promise<void> | null = null;
  private readonly closed = new AbortController();
  private readonly recheck: NodeJS.Timeout;

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
    this.hasAskedForUnknown = false;
    this.claimMore();
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
    if (!hasRoom || this.inbox?.state !== "run") return false;
    const { work } = this.inbox;
    return (work !== null && work !== this.exhaustedTicket) || this.holdsUnknown;
  }

  /** The answer to a claim got lost for good: the lease waits for whoever asks for it by not naming it. */
  private get holdsUnknown(): boolean {
    if (this.inbox === null || this.hasAskedForUnknown) return false;
    return this.inbox.leaseIds.some((leaseId) => !this.turns.has(leaseId) && !this.ended.has(leaseId));
  }

  private async claimWhileThereIs(): Promise<void> {
    while (this.mayClaim()) {
      const ticket = this.inbox?.work ?? null;
      try {
        if (await this.claimOne()) continue;
        this.exhaustedTicket = ticket;
        this.hasAskedForUnknown = true;
      } catch (error) {
        if (error instanceof CallAborted || isRejection(error)) return;
        this.options.logger.warn({ reason: errorMessage(error) }, "Could not claim work; trying again later.");
        this.exhaustedTicket = ticket;
        this.hasAskedForUnknown = true;
      }
    }
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
    const done = turn.run().then((outcome) => {
      this.turns.delete(claim.leaseId);
      this.remember(claim.leaseId, outcome);
      this.options.onTurnOver();
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
