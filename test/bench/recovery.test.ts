/** Recovery at the size of a large deployment: its batches stay as small as those of a small one. */
import type { JSONValue } from "convex/values";
import { describe, expect, it } from "vitest";
import { PROJECT_DIRECTORY } from "../../dev/demo/stack.js";
import { createEngine } from "../../dev/embedded-convex/engine/engine.js";
import { withoutUndefined } from "./ops-world.js";
import type { EmbeddedEngine } from "../../dev/embedded-convex/engine/types.js";

const COMPONENT = "agentFactory";
const WORKERS_HELD = 100;

type Row = Record<string, JSONValue>;

function rows(engine: EmbeddedEngine, table: string, limit: number): Row[] {
  return engine.readTable(COMPONENT, table, { limit, order: "asc" }).map((row) => {
    if (typeof row !== "object" || row === null || Array.isArray(row)) throw new Error(`${table} has a strange row.`);
    return withoutUndefined(row);
  });
}

/** `count` conversations whose running turn belongs to a worker that has been silent for too long. */
async function withDeadLeases(count: number): Promise<EmbeddedEngine> {
  const engine = await createEngine({
    projectDirectory: PROJECT_DIRECTORY,
    dataDirectory: null,
    cloudUrl: "http://127.0.0.1:1",
    siteUrl: "http://127.0.0.1:2",
    env: { SESSION_SIGNING_KEY: "{}" },
  });
  const call = async (path: string, args: JSONValue) => await engine.measure(COMPONENT, path, args);
  await call("lib:configureAgent", { agentKey: "agent", version: "1", secretsRef: [], enabled: true });
  await call("lib:enqueue", {
    conversationId: "first",
    agentKey: "agent",
    payload: { provider: "app", providerUserId: "user", messageText: "hello" },
    // The one real message is out of the way, so that nothing but the copies is due.
    scheduledFor: Date.now() + 3_600_000,
  });
  const now = Date.now();
  const [lane, message] = [rows(engine, "lanes", 1)[0], rows(engine, "messages", 1)[0]];
  if (lane === undefined || message === undefined) throw new Error("Nothing was enqueued.");
  const copyOf = ({ _id, _creationTime, wakeAt, ...row }: Row): Row => row;
  const named = (index: number) => `c${index}`;
  const numbers = Array.from({ length: count }, (_, index) => index);
  const leased = { state: "leased", generation: 1, queuedCount: 0 };
  await engine.seed(
    COMPONENT,
    "lanes",
    numbers.map((i) => ({ ...copyOf(lane), ...leased, conversationId: named(i) })),
  );
  const running = { status: "processing", attempts: 1, scheduledFor: now };
  await engine.seed(
    COMPONENT,
    "messages",
    numbers.map((i) => ({ ...copyOf(message), ...running, conversationId: named(i) })),
  );
  const laneIds = rows(engine, "lanes", count + 1).slice(1);
  const messageIds = rows(engine, "messages", count + 1).slice(1);
  await engine.seed(
    COMPONENT,
    "leases",
    numbers.map((index) => ({
      laneId: laneIds[index]?.["_id"] ?? "",
      messageId: messageIds[index]?.["_id"] ?? "",
      conversationId: named(index),
      poolKey: "default",
      workerId: `dead${Math.floor(index / WORKERS_HELD)}`,
      holderEpoch: 1,
      generation: 1,
      claimedAt: now - 60_000,
      runDeadlineAt: now + 900_000,
      sweepAt: now + 900_000,
    })),
  );
  const holder = { poolKey: "default", epoch: 1, state: "live", leaseDurationMs: 45_000, capacity: 1 };
  await engine.seed(
    COMPONENT,
    "leaseHolders",
    Array.from({ length: Math.ceil(count / WORKERS_HELD) }, (_, index) => ({
      ...holder,
      workerId: `dead${index}`,
      beatAt: now - 60_000,
      expiresAt: now - 15_000,
    })),
  );
  return engine;
}

async function batches(engine: EmbeddedEngine, atMost: number) {
  const costs = [];
  for (let batch = 0; batch < atMost; batch++) {
    const before = rows(engine, "leases", 200_000).length;
    const { documentsRead, documentsWritten } = await engine.measure(COMPONENT, "queue/internal:sweepOnce", {
      poolKey: "default",
    });
    const recovered = before - rows(engine, "leases", 200_000).length;
    if (recovered === 0) break;
    costs.push({ recovered, documentsRead, documentsWritten });
  }
  return costs;
}

describe("recovery of dead leases", () => {
  it("takes batches that cost the same at a thousand and at a hundred thousand", { timeout: 180_000 }, async () => {
    const small = await withDeadLeases(1_000);
    const all = await batches(small, 100);
    expect(all.reduce((total, { recovered }) => total + recovered, 0)).toBe(1_000);
    await small.close();
    const large = await withDeadLeases(100_000);
    const some = await batches(large, 3);
    await large.close();
    for (const { recovered, documentsRead, documentsWritten } of some) {
      expect(recovered).toBeGreaterThan(20);
      // Half of what Convex allows one transaction to read and write.
      expect(documentsRead).toBeLessThan(16_000);
      expect(documentsWritten).toBeLessThan(8_000);
      const first = all[0];
      expect(documentsRead / recovered).toBeLessThan(2 * ((first?.documentsRead ?? 0) / (first?.recovered ?? 1)));
    }
  });
});
