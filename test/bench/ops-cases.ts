/** What `bench:ops` measures: the documents each call reads and writes in a deployment of a given size. */
import type { JSONValue } from "convex/values";
import type { Measurement } from "../../dev/embedded-convex/engine/types.js";
import { World, type Scenario } from "./ops-world.js";

export const OPERATIONS = [
  "enqueue",
  "claim",
  "claimEmpty",
  "heartbeat",
  "complete",
  "fail",
  "hydrate",
  "queueStats",
  "reconcileIdle",
] as const;
export type Operation = (typeof OPERATIONS)[number];

export type OpsRow = { op: Operation } & Scenario & Cost;
export type Cost = Omit<Measurement, "value">;

const CONVERSATION = "measured";

/** Every operation once, on the same world. Where a call has several paths, the row is the dearest of them. */
export async function measureScenario(scenario: Scenario): Promise<OpsRow[]> {
  const world = await World.create(scenario);
  try {
    const costs = await measureOperations(world, scenario);
    return OPERATIONS.map((op) => ({ op, ...scenario, ...costs[op] }));
  } finally {
    await world.close();
  }
}

async function measureOperations(world: World, scenario: Scenario): Promise<Record<Operation, Cost>> {
  const [worker] = world.workers;
  if (worker === undefined) throw new Error("A scenario needs at least one worker.");
  const enqueueNew = await world.enqueue(CONVERSATION);
  const firstClaim = await world.measure("lib:claim", { ...worker, conversationId: CONVERSATION });
  const first = claimed(firstClaim.value);
  await world.call("lib:complete", { ...worker, ...first, reply: "hello" });
  await world.makeHistory(scenario.history);

  const enqueueIdle = await world.enqueue(CONVERSATION);
  const enqueueFollower = await world.enqueue(CONVERSATION);
  const scopedClaim = await world.measure("lib:claim", { ...worker, conversationId: CONVERSATION });
  const turn = claimed(scopedClaim.value);
  const hydrate = await world.measure("lib:getHydrationBundle", { ...worker, ...turn });
  const heartbeat = await world.measure("lib:heartbeat", worker);

  const prepared = await world.call("lib:prepareDataSnapshotUpload", {
    ...worker,
    conversationId: CONVERSATION,
    generation: turn.generation,
    reason: "checkpoint",
  });
  const snapshotId = field(prepared, "snapshotId");
  const file = await world.storeFile("a workspace");
  await world.call("lib:finalizeDataSnapshotUpload", { ...worker, snapshotId, ...file });
  const complete = await world.measure("lib:complete", { ...worker, ...turn, reply: "hello", snapshotId });

  // The follower is next; failing it sends it back into its lane.
  const next = claimed(await world.call("lib:claim", { ...worker, conversationId: CONVERSATION }));
  const fail = await world.measure("lib:fail", { ...worker, ...next, errorMessage: "boom" });
  // Its head is backing off, so there is nothing to claim, and only a look at it can tell.
  const claimEmpty = await world.measure("lib:claim", { ...worker, conversationId: CONVERSATION });
  const openClaim = scenario.backlog === 0 ? firstClaim : await world.measure("lib:claim", worker);
  const queueStats = await world.measure("lib:queueStats", {});
  return {
    enqueue: dearest(enqueueNew, enqueueIdle, enqueueFollower),
    claim: dearest(firstClaim, scopedClaim, openClaim),
    claimEmpty: dearest(claimEmpty),
    heartbeat: dearest(heartbeat),
    complete: dearest(complete),
    fail: dearest(fail),
    hydrate: dearest(hydrate),
    queueStats: dearest(queueStats),
    reconcileIdle: await measureIdleReconcile(world),
  };
}

/**
 * The database's part of a reconcile that finds nothing to do: one look, one note of when to look again. The first note
 * may also clear the problem that this world's missing provider has caused; the second is what every idle one costs.
 */
async function measureIdleReconcile(world: World): Promise<Cost> {
  await noteIdleReconcile(world);
  const look = await world.measure("pool/internal:observation", { poolKey: "default" });
  return sum(look, await noteIdleReconcile(world));
}

async function noteIdleReconcile(world: World): Promise<Measurement> {
  return await world.measure("pool/internal:finish", {
    poolKey: "default",
    startedAt: Date.now(),
    generation: null,
    stoodAside: false,
    problem: null,
    backOff: false,
    isFull: false,
    fullRegions: [],
    nextAt: Date.now() + 60_000,
  });
}

function dearest(...measurements: Measurement[]): Cost {
  const [first, ...others] = measurements.map(costOf);
  if (first === undefined) throw new Error("Nothing was measured.");
  return others.reduce((worst, cost) => mapCost((name) => Math.max(worst[name], cost[name])), first);
}

function sum(left: Measurement, right: Measurement): Cost {
  return mapCost((name) => left[name] + right[name]);
}

function costOf({ value: _, ...cost }: Measurement): Cost {
  return cost;
}

function mapCost(change: (name: keyof Cost) => number): Cost {
  return {
    documentsRead: change("documentsRead"),
    databaseQueries: change("databaseQueries"),
    bytesRead: change("bytesRead"),
    documentsWritten: change("documentsWritten"),
    bytesWritten: change("bytesWritten"),
    functionsScheduled: change("functionsScheduled"),
  };
}

function field(value: JSONValue, name: string): string {
  const found = typeof value === "object" && value !== null && !Array.isArray(value) ? value[name] : undefined;
  if (typeof found !== "string") throw new Error(`The call returned no ${name}: ${JSON.stringify(value)}`);
  return found;
}

function claimed(value: JSONValue): { messageId: string; leaseId: string; generation: number } {
  const generation = typeof value === "object" && value !== null && !Array.isArray(value) ? value["generation"] : null;
  if (typeof generation !== "number") throw new Error("Nothing was claimed.");
  return { messageId: field(value, "messageId"), leaseId: field(value, "leaseId"), generation };
}
