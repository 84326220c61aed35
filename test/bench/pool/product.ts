/** The product's pool at work: its plan and lifecycle, with workers that claim, run, sleep and leave as its own do. */
import { isWithinScope, scopeOf } from "../../../src/shared/scope.js";
import type { ScalingPolicy } from "../../../src/shared/provider-config.js";
import { DURATIONS } from "./assumptions.js";
import { Cloud } from "./cloud.js";
import { Fleet, type Row } from "./fleet.js";
import { Lanes, type Lane } from "./lanes.js";
import { Draws } from "./random.js";
import { Reconciler } from "./reconciler.js";
import type { Measured } from "./results.js";
import type { Message, Trace } from "./traces.js";
import { EPOCH_MS, VirtualTime } from "./virtual-time.js";

const HOME = "fly:bench";

export type ProductRun = Measured & { actions: Record<string, number>; reconciles: number; held: number[] };

/** @throws when the pool does something it never should: a turn is interrupted, a machine loses its row */
export async function simulateProduct(trace: Trace, policy: ScalingPolicy, seed: number): Promise<ProductRun> {
  const pool = new ProductPool(new VirtualTime(), new Draws(seed), policy);
  return await pool.run(trace);
}

class ProductPool {
  private readonly waits: number[] = [];
  private readonly met: Record<string, number[]> = {};
  private readonly metBy = new Map<Message, string>();
  private readonly lanes = new Lanes();
  private readonly cloud: Cloud;
  private readonly fleet: Fleet;
  private readonly reconciler: Reconciler;

  constructor(
    private readonly time: VirtualTime,
    private readonly draws: Draws,
    policy: ScalingPolicy,
  ) {
    this.fleet = new Fleet(policy, HOME);
    this.cloud = new Cloud(time, draws, {
      booted: ({ name }) => time.after(draws.ms(DURATIONS.workerBoot), () => this.enroll(name)),
      thawed: ({ name }) => time.after(draws.ms(DURATIONS.thaw), () => this.wakeUp(name)),
      halted: ({ name }) => this.requireIdle(name),
    });
    const parts = { time, draws, cloud: this.cloud, fleet: this.fleet };
    const waiting = () => [...this.lanes.ready];
    const keepFor = (row: Row, conversationId: string) => this.keepFor(row, conversationId);
    this.reconciler = new Reconciler(parts, waiting, (row) => this.leave(row), keepFor);
  }

  async run(trace: Trace): Promise<ProductRun> {
    const { time, cloud, reconciler, waits, met } = this;
    for (const message of trace.messages) time.at(EPOCH_MS + message.at, () => this.accept(message));
    // Whoever sets a policy starts a reconcile.
    reconciler.request(EPOCH_MS);
    await time.run(EPOCH_MS + trace.endsAt);
    cloud.close();
    const { meter, calls, lifetimeMs } = cloud;
    const { actions, runs, held } = reconciler;
    return { meter, waits, met, providerCalls: calls, lifetimeMs, actions, reconciles: runs, held };
  }

  private accept(message: Message): void {
    const { lane, isHead } = this.lanes.accept(message);
    this.metBy.set(message, this.meets(lane, isHead));
    if (isHead) this.makeReady(lane, lane.warmWorkerId);
  }

  /** What a message finds: the worker that has its files, up or asleep; none that may take it; its conversation's last turn. */
  private meets({ warmWorkerId }: Lane, isHead: boolean): string {
    if (!isHead) return "a busy conversation";
    const warm = warmWorkerId === null ? null : this.fleet.find(warmWorkerId);
    return warm === null ? "no worker of its own" : `its worker, ${warm.status}`;
  }

  private makeReady(lane: Lane, warmWorkerId: string | null): void {
    const { now } = this.time;
    const warm = warmWorkerId === null ? null : this.fleet.find(warmWorkerId);
    // A worker that sleeps or leaves is nobody to wait for, and neither is one that has no place for it.
    const reservedFor = warm?.status === "active" && warm.load < warm.capacity ? warm.workerId : null;
    this.lanes.makeReady(lane, reservedFor, now);
    this.noteReservation(lane);
    this.match();
  }

  private keepFor(row: Row, conversationId: string): void {
    const lane = this.lanes.keepFor(conversationId, row.workerId, this.time.now);
    if (lane !== null) this.noteReservation(lane);
  }

  /** When it ends, somebody must come, or be told that the conversation is free to all. */
  private noteReservation(lane: Lane): void {
    this.reconciler.request(lane.reservedUntil);
    if (lane.reservedFor !== null) this.time.at(lane.reservedUntil, () => this.match());
  }

  /** Every idle worker sees what it may take, and one of them is first; which one is chance. */
  private match(): void {
    for (const lane of this.lanes.ready) {
      if (lane.isPicked) continue;
      const takers = [...this.fleet.all()].filter((row) => this.mayClaim(row, lane));
      if (takers.length === 0) continue;
      const row = this.draws.pick(takers);
      row.isClaiming = true;
      lane.isPicked = true;
      this.time.after(this.draws.ms(DURATIONS.claim), () => {
        row.isClaiming = false;
        lane.isPicked = false;
        if (this.mayClaim(row, lane)) this.start(row, lane);
        else this.match();
      });
    }
  }

  private mayClaim(row: Row, lane: Lane): boolean {
    const { status, load, capacity, scope, workerId, isClaiming } = row;
    if (status !== "active" || isClaiming || load >= capacity || lane.state !== "ready") return false;
    return this.lanes.isOpenTo(lane, workerId, this.time.now) && (scope === null || isWithinScope(scope, lane));
  }

  private start(row: Row, lane: Lane): void {
    const restore = lane.warmWorkerId === row.workerId ? 0 : this.draws.ms(DURATIONS.restore);
    const message = this.lanes.claim(lane, row.workerId);
    row.load += 1;
    row.lastActiveAt = this.time.now;
    row.scope ??= scopeOf(row.isolation, lane);
    this.time.after(restore, () => {
      this.noteWait(message);
      this.time.after(message.turnMs, () => this.complete(row, lane));
    });
  }

  private noteWait(message: Message): void {
    const wait = this.time.now - EPOCH_MS - message.at;
    this.waits.push(wait);
    const what = this.metBy.get(message) ?? "";
    this.metBy.delete(message);
    (this.met[what] ??= []).push(wait);
  }

  private complete(row: Row, lane: Lane): void {
    const { now } = this.time;
    row.load -= 1;
    row.lastActiveAt = now;
    lane.state = "idle";
    if (lane.messages.length > 0) this.makeReady(lane, row.workerId);
    else if (this.reconciler.isFull) this.reconciler.request(now);
    if (row.status === "draining") this.leave(row);
    this.match();
  }

  private enroll(name: string): void {
    const row = this.fleet.findByMachineName(name);
    if (row === null || !this.fleet.move(row, "enrolled", this.time.now)) return this.exit(row);
    this.beginToWork(row);
  }

  private wakeUp(name: string): void {
    const row = this.fleet.findByMachineName(name);
    if (row?.wakeRequestedAt == null || !this.fleet.move(row, "resumed", this.time.now)) return this.exit(row);
    row.wakeRequestedAt = null;
    row.powerAttempts = 0;
    row.powerAt = 0;
    this.beginToWork(row);
  }

  private beginToWork(row: Row): void {
    row.lastActiveAt = this.time.now;
    row.beatsSince = this.time.now;
    this.match();
  }

  /** A worker that is told to go ends when its last turn has; one that sleeps hears nothing, and its machine is destroyed. */
  private leave(row: Row): void {
    if (row.status === "stopping") this.reconciler.request(this.time.now);
    if (row.status !== "draining" || row.load > 0) return;
    this.time.after(this.draws.ms(DURATIONS.claim) + this.draws.ms(DURATIONS.backend), () => {
      if (!this.fleet.move(row, "drained", this.time.now)) return;
      this.reconciler.request(this.time.now);
      this.exit(row);
    });
  }

  private exit(row: Row | null): void {
    if (row?.machineId != null) this.cloud.exit(row.machineId);
  }

  private requireIdle(name: string): void {
    const row = this.fleet.findByMachineName(name);
    if (row !== null && row.load > 0) throw new Error(`The machine of ${row.workerId} ended in the middle of a turn.`);
  }
}
