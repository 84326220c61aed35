/** The product's reconcile in virtual time: when it runs, what it looks at, and how its plan becomes rows and requests. */
import { backoffMs, unitFromText, type BackoffPolicy } from "../../../src/shared/backoff.js";
import { RECONCILE_WINDOW_MS, WAKE_WINDOW_MS } from "../../../src/component/queue/capacity.js";
import { isAsleep } from "../../../src/component/pool/plan/demand.js";
import { isFull, nextDeadline, plan } from "../../../src/component/pool/plan/plan.js";
import { VANISHED_MS } from "../../../src/component/pool/plan/repair.js";
import type { PlanAction, PlanInput, SeenMachine, WaitingLane } from "../../../src/component/pool/plan/situation.js";
import { ProviderError, type MachineState } from "../../../src/component/providers/provider.js";
import { DURATIONS } from "./assumptions.js";
import type { Cloud } from "./cloud.js";
import type { Fleet, Row } from "./fleet.js";
import type { Draws } from "./random.js";
import { takeSteps, type Step } from "./steps.js";
import type { VirtualTime } from "./virtual-time.js";

/** How long a wish is left alone before it is repeated, as in the product: see `src/component/pool/run.ts`. */
const DESTROY_BACKOFF: BackoffPolicy = { baseMs: 4_000, factor: 2, capMs: 60_000, jitter: 0.1 };
const POWER_BACKOFF: BackoffPolicy = { baseMs: 5_000, factor: 2, capMs: 60_000, jitter: 0.1 };
/** What one run of the product asks for at most, whatever the policy's `spawnStep`. */
const MAX_SPAWNS_PER_RUN = 20;

export type Parts = { time: VirtualTime; draws: Draws; cloud: Cloud; fleet: Fleet };

export class Reconciler {
  /** Messages wait for a place in a pool that has none. */
  isFull = false;
  /** How often each kind of action was carried out. */
  readonly actions: Record<string, number> = {};
  runs = 0;
  /** How long runs that acted held the pool, ms. */
  readonly held: number[] = [];
  private scheduledAt: number | null = null;
  private lastStartedAt = 0;
  private isActing = false;
  /** When the newest look for sleepers between two runs is, or was, to begin. */
  private lookAt = 0;
  private hasSleepers = false;
  /** Workers whose machines the run that acts is freezing: nobody starts those before it is over. */
  private readonly freezing = new Set<string>();

  constructor(
    private readonly parts: Parts,
    private readonly waiting: () => WaitingLane[],
    private readonly sentAway: (row: Row) => void,
    private readonly keepFor: (row: Row, conversationId: string) => void,
  ) {}

  /** A reconcile at `wantedAt`, or as soon after it as the window allows; shared with whoever else has asked for one. */
  request(wantedAt: number): void {
    const { time } = this.parts;
    const at = Math.max(time.now, wantedAt, this.lastStartedAt + RECONCILE_WINDOW_MS);
    if (this.scheduledAt === null || this.scheduledAt > at) {
      this.scheduledAt = at;
      time.at(at, () => {
        if (this.scheduledAt !== at) return;
        this.scheduledAt = null;
        this.lastStartedAt = at;
        time.start(() => this.run());
      });
    }
    if (wantedAt <= time.now) this.requestLook();
  }

  /** Whoever sleeps and is needed now does not wait for the next run, unless that is as soon. */
  private requestLook(): void {
    const { time, draws } = this.parts;
    const { now } = time;
    if (!this.hasSleepers || this.lookAt > now) return;
    const at = Math.max(now, this.lookAt + WAKE_WINDOW_MS);
    if (this.scheduledAt !== null && this.scheduledAt <= at) return;
    this.lookAt = at;
    time.at(at + draws.ms(DURATIONS.backend), () => this.wake());
  }

  /** Wakes whom the plan would wake if it had seen no machine, beside whatever else is going on. */
  private wake(): void {
    const { time, fleet } = this.parts;
    const rows: PlanInput = { ...this.situation([]), unlistedHomes: [fleet.home] };
    const steps = plan(rows).flatMap((action) => {
      const row = action.kind === "resume" ? fleet.find(action.workerId) : null;
      if (row === null || this.freezing.has(row.workerId)) return [];
      const isAsked = row.wakeRequestedAt !== null && time.now < row.powerAt;
      return isAsked ? [] : (this.intend(action) ?? []);
    });
    if (steps.length > 0) time.start(() => takeSteps(this.parts, steps));
  }

  private async run(): Promise<void> {
    this.runs += 1;
    const { time, draws, cloud, fleet } = this.parts;
    await time.pause(draws.ms(DURATIONS.backend));
    this.wake();
    let machines: SeenMachine[];
    try {
      machines = (await cloud.listMachines()).map((machine) => ({ ...machine, home: fleet.home }));
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      this.request(time.now + RECONCILE_WINDOW_MS);
      return;
    }
    // A run of the product plans when it has looked and once more when it commits, moments later. Here the two are one.
    await time.pause(draws.ms(DURATIONS.backend));
    const situation = this.situation(machines);
    const actions = plan(situation);
    if (actions.length === 0) return this.end(nextDeadline(situation), situation);
    // Whoever acts looks again when it has.
    if (this.isActing) return;
    this.isActing = true;
    const takenAt = time.now;
    const steps = actions.flatMap((action) => this.intend(action) ?? []);
    for (const step of steps) if (step.kind === "suspend") this.freezing.add(step.row.workerId);
    await takeSteps(this.parts, steps);
    await time.pause(draws.ms(DURATIONS.backend));
    this.isActing = false;
    this.freezing.clear();
    this.held.push(time.now - takenAt);
    // The list is older than what was done since, so only the rows are asked whether there is more to do at once.
    const rows: PlanInput = { ...this.situation([]), unlistedHomes: [fleet.home] };
    const isMore = plan(rows).length > 0;
    this.end(isMore ? time.now + RECONCILE_WINDOW_MS : nextDeadline(rows), rows);
  }

  private end(nextAt: number | null, situation: PlanInput): void {
    // With nothing waiting no pool is full; asking only then is what makes a run cheap.
    this.isFull = situation.waiting.length > 0 && isFull(situation);
    if (nextAt !== null) this.request(nextAt);
  }

  private situation(machines: SeenMachine[]): PlanInput {
    const { time, fleet } = this.parts;
    const { policy } = fleet;
    const workers = fleet.live(time.now);
    this.hasSleepers = workers.some(isAsleep);
    return {
      now: time.now,
      policy,
      spawnLimit: Math.min(policy.spawnStep, MAX_SPAWNS_PER_RUN),
      spawnHeldUntil: null,
      workers,
      waiting: this.waiting(),
      machines,
      unlistedHomes: [],
    };
  }

  /** Writes the intent of an action into the rows; returns what is left to do at the provider. */
  private intend(action: PlanAction): Step | null {
    const { time, fleet } = this.parts;
    const { now } = time;
    this.actions[action.kind] = (this.actions[action.kind] ?? 0) + 1;
    if (action.kind === "spawn") return { kind: "create", row: fleet.spawn(now) };
    if (action.kind === "destroy_orphan") throw new Error(`Machine ${action.machineId} has lost its row.`);
    const row = fleet.find(action.workerId);
    if (row === null) throw new Error(`The plan is about worker ${action.workerId}, which is not there.`);
    switch (action.kind) {
      case "adopt":
        row.machineId = action.machineId;
        return null;
      case "drain":
        return this.drain(row);
      case "suspend":
        // One that sleeps already is asked again.
        if (row.load > 0 || (row.status === "active" && !fleet.move(row, "suspended", now))) return null;
        row.beatsSince = null;
        row.heartbeatExpiresAt = now;
        return { kind: "suspend", row, machineId: this.askPower(row, action.machineId, row.powerAttempts) };
      case "resume": {
        const attempts = row.wakeRequestedAt === null ? 0 : row.powerAttempts;
        row.wakeRequestedAt ??= now;
        for (const conversationId of action.conversationIds) this.keepFor(row, conversationId);
        return { kind: "resume", row, machineId: this.askPower(row, action.machineId, attempts) };
      }
      case "look":
      case "keep_awake":
      case "forget":
      case "fence":
        throw new Error(
          `Nothing fails here, and yet worker ${row.workerId} needs a "${action.kind}": ${action.reason}`,
        );
      case "destroy":
        return this.destroy(row, action.machineId, action.state);
    }
  }

  private drain(row: Row): Step | null {
    const { time, fleet } = this.parts;
    const wasAsleep = row.status === "suspended";
    if (row.load > 0 || !fleet.move(row, "drain_requested", time.now)) return null;
    // Who sleeps has nothing to finish, and would have to be woken to be told so.
    if (wasAsleep && row.machineId !== null) return this.destroy(row, row.machineId, "suspended");
    this.sentAway(row);
    return null;
  }

  private destroy(row: Row, machineId: string, state: MachineState | null): Step {
    const { now } = this.parts.time;
    row.destroyAt = now + backoffMs(DESTROY_BACKOFF, 1, unitFromText(row.workerId));
    return { kind: "destroy", row, machineId, state, isYoung: now - row.createdAt < VANISHED_MS };
  }

  private askPower(row: Row, machineId: string, attempts: number): string {
    row.powerAttempts = attempts + 1;
    row.powerAt = this.parts.time.now + backoffMs(POWER_BACKOFF, row.powerAttempts, unitFromText(row.workerId));
    return machineId;
  }
}
