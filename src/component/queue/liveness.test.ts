import { describe, expect, it } from "vitest";
import type { Doc, Id } from "../_generated/dataModel.js";
import { isHolderLive, isLeaseAlive } from "./liveness.js";

const holder: Doc<"leaseHolders"> = {
  _id: "h" as Id<"leaseHolders">,
  _creationTime: 0,
  workerId: "w",
  poolKey: "default",
  epoch: 2,
  state: "live",
  beatAt: 1_000,
  expiresAt: 2_000,
  leaseDurationMs: 1_000,
  capacity: 1,
};
const lease: Doc<"leases"> = {
  _id: "l" as Id<"leases">,
  _creationTime: 0,
  laneId: "n" as Id<"lanes">,
  conversationId: "c",
  poolKey: "default",
  messageId: "m" as Id<"messages">,
  workerId: "w",
  holderEpoch: 2,
  generation: 1,
  claimedAt: 1_000,
  runDeadlineAt: 5_000,
  sweepAt: 5_000,
};

describe("a holder", () => {
  it("is alive before its deadline and dead at it", () => {
    expect(isHolderLive(holder, 1_999)).toBe(true);
    expect(isHolderLive(holder, 2_000)).toBe(false);
  });

  it("that has lapsed is dead whatever its deadline says", () => {
    expect(isHolderLive({ ...holder, state: "lapsed" }, 1_000)).toBe(false);
  });
});

describe("a lease", () => {
  it("is alive while its holder is", () => {
    expect(isLeaseAlive(lease, holder, 1_999)).toBe(true);
    expect(isLeaseAlive(lease, holder, 2_000)).toBe(false);
    expect(isLeaseAlive(lease, null, 1_000)).toBe(false);
  });

  it("of an earlier life of its holder is dead: nothing revives it", () => {
    expect(isLeaseAlive({ ...lease, holderEpoch: 1 }, holder, 1_000)).toBe(false);
  });

  it("is dead at its run's deadline, however alive its holder is", () => {
    const beating = { ...holder, expiresAt: 9_000 };
    expect(isLeaseAlive(lease, beating, 4_999)).toBe(true);
    expect(isLeaseAlive(lease, beating, 5_000)).toBe(false);
  });
});
