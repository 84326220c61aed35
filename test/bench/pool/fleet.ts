/** Worker rows as the product keeps them, in memory: every change of a status goes through its own lifecycle table. */
import { LIVE_STATUSES, nextWorkerStatus, type WorkerEvent } from "../../../src/component/workers/lifecycle.js";
import type { PlannedWorker } from "../../../src/component/pool/plan/situation.js";
import type { ScalingPolicy } from "../../../src/shared/provider-config.js";

/** Three heartbeats fit into a lease, as enrollment tells a worker. */
const HEARTBEATS_PER_LEASE = 3;

export type Row = PlannedWorker & {
  /** It is about to claim: no other lane picks it meanwhile. */
  isClaiming: boolean;
  /** Since when its heartbeats come; `null` while none do. */
  beatsSince: number | null;
};

export class Fleet {
  private readonly rows = new Map<string, Row>();
  private readonly byMachineName = new Map<string, Row>();
  private nextId = 1;

  constructor(
    readonly policy: ScalingPolicy,
    readonly home: string,
  ) {}

  spawn(now: number): Row {
    const workerId = `w${this.nextId++}`;
    const { isolation, conversationsPerWorker, leaseDurationMs } = this.policy;
    const row: Row = {
      workerId,
      status: "starting",
      machineName: `bench-${workerId}-g1`,
      machineId: null,
      home: this.home,
      scope: null,
      isolation,
      capacity: isolation === "conversation" ? 1 : conversationsPerWorker,
      load: 0,
      statusSince: now,
      createdAt: now,
      lastActiveAt: now,
      heartbeatExpiresAt: null,
      leaseDurationMs,
      destroyAt: 0,
      canSuspend: true,
      wakeRequestedAt: null,
      powerAttempts: 0,
      powerAt: 0,
      isClaiming: false,
      beatsSince: null,
    };
    this.rows.set(workerId, row);
    this.byMachineName.set(row.machineName, row);
    return row;
  }

  find(workerId: string): Row | null {
    return this.rows.get(workerId) ?? null;
  }

  findByMachineName(name: string): Row | null {
    return this.byMachineName.get(name) ?? null;
  }

  /** False (and nothing changes) when the worker's status does not take the event. */
  move(row: Row, event: WorkerEvent, now: number): boolean {
    const status = nextWorkerStatus(row.status, event);
    if (status === null) return false;
    if (row.load > 0 && (event === "suspended" || event === "lost" || event === "gone")) {
      throw new Error(`Worker ${row.workerId} is ${event} in the middle of a turn.`);
    }
    row.status = status;
    row.statusSince = now;
    if (status === "stopped") {
      this.rows.delete(row.workerId);
      this.byMachineName.delete(row.machineName);
    }
    return true;
  }

  /** Every worker that is not proven gone, with its heartbeats up to now, in the order in which the product reads them. */
  live(now: number): Row[] {
    const byStatus = new Map<Row["status"], Row[]>(LIVE_STATUSES.map((status) => [status, []]));
    for (const row of this.rows.values()) {
      if (row.beatsSince !== null) {
        const interval = Math.floor(row.leaseDurationMs / HEARTBEATS_PER_LEASE);
        row.heartbeatExpiresAt = now - ((now - row.beatsSince) % interval) + row.leaseDurationMs;
      }
      byStatus.get(row.status)?.push(row);
    }
    return [...byStatus.values()].flat();
  }

  all(): Iterable<Row> {
    return this.rows.values();
  }
}
