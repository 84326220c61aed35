import { describe, expect, it } from "vitest";
import { bootProblem, spawnsHeldUntil, standingFailures } from "./boot.js";
import type { PlannedWorker } from "./situation.js";

const worker = (status: PlannedWorker["status"], statusSince: number): PlannedWorker => ({
  workerId: "w",
  status,
  machineName: "default-w-g1",
  machineId: "m",
  home: "local:test",
  scope: null,
  isolation: "conversation",
  capacity: 1,
  load: 0,
  statusSince,
  createdAt: 0,
  lastActiveAt: 0,
  heartbeatExpiresAt: null,
  leaseDurationMs: 45_000,
  destroyAt: 0,
  canSuspend: true,
  wakeRequestedAt: null,
  powerAttempts: 0,
  powerAt: 0,
});

describe("failed boots", () => {
  it("stand until a worker has enrolled after the last of them", () => {
    const failures = { count: 3, lastAt: 1_000 };
    const standing = (given: typeof failures | undefined, workers: PlannedWorker[] = [], changedAt = 0) =>
      standingFailures(given, { workers, changedAt });
    expect(standing(undefined)).toBeNull();
    expect(standing({ count: 0, lastAt: 0 })).toBeNull();
    expect(standing(failures, [worker("starting", 2_000), worker("active", 1_000)])).toEqual(failures);
    expect(standing(failures, [worker("active", 1_001)])).toBeNull();
  });

  it("are forgotten when somebody changes the pool", () => {
    const failures = { count: 3, lastAt: 1_000 };
    expect(standingFailures(failures, { workers: [], changedAt: 1_000 })).toEqual(failures);
    expect(standingFailures(failures, { workers: [], changedAt: 1_001 })).toBeNull();
  });

  it("hold the next machine back, longer each time, within ten minutes and their jitter", () => {
    const waits = Array.from({ length: 20 }, (_, index) => spawnsHeldUntil({ count: index + 1, lastAt: 0 }));
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(Math.min(10_000 * 2 ** index, 600_000) * 0.9);
      expect(wait).toBeLessThanOrEqual(600_000 * 1.1);
    }
  });

  it("are a problem from the second on, with what to do", () => {
    expect(bootProblem(null)).toBeNull();
    expect(bootProblem({ count: 1, lastAt: 0 })).toBeNull();
    expect(bootProblem({ count: 2, lastAt: 0 })).toMatchObject({ kind: "worker_boot_failed" });
  });
});
