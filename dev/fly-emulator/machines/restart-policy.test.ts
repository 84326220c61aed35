import { describe, expect, it } from "vitest";
import { restartDelay } from "./restart-policy.js";

const base = { exitCode: 1, restartedAt: [], now: 1_000_000, firstDelayMs: 100 };

describe("restartDelay", () => {
  it("never restarts under no", () => {
    expect(restartDelay({ ...base, restart: { policy: "no", maxRetries: 10 } })).toBeUndefined();
  });

  it("restarts a failure, not a success, under on-failure", () => {
    const restart = { policy: "on-failure", maxRetries: 10 } as const;
    expect(restartDelay({ ...base, restart })).toBe(100);
    expect(restartDelay({ ...base, restart, exitCode: 0 })).toBeUndefined();
  });

  it("counts retries within five minutes only", () => {
    const restart = { policy: "on-failure", maxRetries: 2 } as const;
    expect(restartDelay({ ...base, restart, restartedAt: [990_000, 999_000] })).toBeUndefined();
    expect(restartDelay({ ...base, restart, restartedAt: [100, 999_000] })).toBe(200);
  });

  it("always restarts under always, with a pause that stops growing", () => {
    const restart = { policy: "always", maxRetries: 0 } as const;
    const restartedAt = Array.from({ length: 50 }, () => 999_000);
    expect(restartDelay({ ...base, restart, exitCode: 0 })).toBe(100);
    expect(restartDelay({ ...base, restart, restartedAt })).toBe(6_400);
  });
});
