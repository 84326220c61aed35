/** Watches and empties the demo's fleet through the same functions an operator has. */
import { setTimeout as sleep } from "node:timers/promises";
import { api } from "../../example/convex/_generated/api.js";
import type { WorkerView } from "../../src/shared/views.js";
import type { Stack } from "./stack.js";

const POLL_MS = 250;

export async function listWorkers(stack: Stack): Promise<WorkerView[]> {
  return await stack.operator.query(api.agentFactory.listWorkers, {});
}

/** Resolves once a worker satisfies `isWanted`. */
export async function waitForWorker(
  stack: Stack,
  isWanted: (worker: WorkerView) => boolean,
  timeoutMs = 60_000,
): Promise<WorkerView> {
  const deadline = Date.now() + timeoutMs;
  let workers: WorkerView[] = [];
  while (Date.now() < deadline) {
    workers = await listWorkers(stack);
    const found = workers.find(isWanted);
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
  const seen = workers.map(({ workerId, status, statusReason }) => `${workerId} ${status}: ${statusReason}`);
  throw new Error(`No such worker within ${timeoutMs} ms. Seen: ${seen.join("; ")}`);
}

/** Lowers the pool to nothing and waits until every worker has drained and its machine is gone. */
export async function drainFleet(stack: Stack, timeoutMs = 90_000): Promise<void> {
  await stack.operator.mutation(api.agentFactory.setScalingPolicy, { scalingPolicy: { minWorkers: 0, maxWorkers: 0 } });
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    await stack.operator.action(api.agentFactory.startWorkers, {});
    if ((await listWorkers(stack)).every(({ status }) => status === "stopped")) return;
    await sleep(POLL_MS);
  }
  throw new Error(`The fleet was not empty after ${timeoutMs} ms.`);
}

/** What would still cost money: machines and volumes that are neither gone nor going. */
export function countLeftovers(stack: Stack): { machinesLeft: number; volumesLeft: number } {
  const machines = stack.fly.machines().filter(({ state }) => state !== "destroyed");
  const volumes = stack.fly.volumes().filter((volume) => volume["state"] !== "pending_destroy");
  return { machinesLeft: machines.length, volumesLeft: volumes.length };
}
