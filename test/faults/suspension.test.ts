/** A real worker, frozen in the middle of its idleness and thawed for the next message: the same process goes on. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation } from "../../dev/demo/conversation.js";
import { countLeftovers, drainFleet, waitForWorker } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";

const LEASE_MS = 5_000;
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({
    policy: {
      maxWorkers: 2,
      leaseDurationMs: LEASE_MS,
      suspendAfterMs: 2_000,
      retireAfterMs: 10 * 60_000,
      reconcileIntervalMs: 5_000,
      bootDeadlineMs: 30_000,
    },
  });
});
afterAll(async () => {
  await stack.close();
});

async function waitUntilFrozen(): Promise<string> {
  const { machineId } = await waitForWorker(stack, ({ status }) => status === "suspended");
  for (let look = 0; look < 120; look++) {
    if (machineId !== null && stack.fly.machine(machineId)?.state === "suspended") return machineId;
    await sleep(250);
  }
  throw new Error("The machine was not frozen within half a minute.");
}

describe("a worker whose machine is suspended", () => {
  it("comes back for the next message, as the same process, with its files", { timeout: 240_000 }, async () => {
    const conversation = await openConversation(stack.cloudUrl);
    await conversation.ask("remember that the cat is called Minou");
    const machineId = await waitUntilFrozen();
    const processId = stack.fly.machine(machineId)?.processId;
    // Long enough for its lease to lapse, and for its clocks to have jumped.
    await sleep(2 * LEASE_MS);
    expect((await conversation.ask("What is the cat called?")).reply).toContain("Minou");
    expect(stack.fly.machine(machineId)?.processId).toBe(processId);

    // Fly does not promise that a resume works: the machine then boots anew, and is still the same worker.
    stack.fly.faults.add({ kind: "cold_resume", match: { action: "machine_suspend" } });
    expect(await waitUntilFrozen()).toBe(machineId);
    await sleep(2 * LEASE_MS);
    expect((await conversation.ask("What is the cat called?")).reply).toContain("Minou");
    expect(stack.fly.machine(machineId)?.processId).not.toBe(processId);
    expect(stack.fly.machines()).toHaveLength(1);

    await waitUntilFrozen();
    await conversation.close();
    await drainFleet(stack, 60_000);
    expect(countLeftovers(stack).volumesLeft).toBe(0);
  });
});
