/** A thousand conversations, a hundred workers, a fifth of which die at random points: everything is answered once, in order. */
import type { JSONValue } from "convex/values";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EmbeddedEngine } from "../../dev/embedded-convex/engine/types.js";
import { World, type WorkerCredentials } from "../bench/ops-world.js";

const COMPONENT = "agentFactory";
const CONVERSATIONS = 1_000;
const WORKERS = 100;
const KILLED = WORKERS / 5;
/** Some conversations have more to say, so that there is an order to keep. */
const FOLLOWERS_OF_EVERY = 10;
/** The longest a lease may last in this world; past it, what the dead hold comes back. */
const LEASE_MS = 600_000;
/** Far more turns than there are messages; a queue that goes in circles ends here. */
const MAX_TURNS = 5_000;
const SEED = 20_260_105;

/** Where in its turn a worker dies. */
const DEATHS = ["before it begins", "after a delta", "in the middle of complete"] as const;

type Claim = { messageId: string; conversationId: string; leaseId: string; generation: number; attempt: number };

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let world: World;
let engine: EmbeddedEngine;
/** Per conversation, the messages as they were accepted, and as they were started for the first time. */
const accepted = new Map<string, string[]>();
const started = new Map<string, string[]>();
let deaths = 0;

async function call(path: string, args: Record<string, JSONValue>): Promise<JSONValue> {
  return (await engine.measure(COMPONENT, path, args)).value;
}

const append = (lists: Map<string, string[]>, key: string, value: string): void => {
  const list = lists.get(key) ?? [];
  if (!list.includes(value)) list.push(value);
  lists.set(key, list);
};

function textOf(value: JSONValue | undefined): string {
  if (typeof value !== "string") throw new Error(`That is no text: ${JSON.stringify(value)}`);
  return value;
}

async function enqueue(conversationId: string): Promise<void> {
  append(accepted, conversationId, textOf((await world.enqueue(conversationId)).value));
}

/** Works until there is nothing to claim, or until it dies in the turn with that number. @returns the turns it had */
async function work(worker: WorkerCredentials, diesIn: number | null, random: () => number): Promise<number> {
  for (let turn = 1; turn <= MAX_TURNS; turn++) {
    const claim = (await call("lib:claim", { ...worker })) as Claim | null;
    if (claim === null) return turn - 1;
    const { messageId, conversationId, leaseId, generation } = claim;
    append(started, conversationId, messageId);
    const claimed = { ...worker, messageId, leaseId, generation };
    const death = turn === diesIn ? DEATHS[Math.floor(random() * DEATHS.length)] : undefined;
    if (death !== undefined) deaths += 1;
    if (death === "before it begins") return turn;
    await call("lib:appendTurnDelta", { ...claimed, offset: 0, text: "thinking" });
    if (death === "after a delta") return turn;
    await call("lib:complete", { ...claimed, reply: `answer to ${messageId}` });
    // Its answer never arrives: the turn is over, and nobody knows.
    if (death !== undefined) return turn;
  }
  throw new Error("This worker never comes to an end.");
}

function rows(table: string): Record<string, JSONValue>[] {
  const all = engine.readTable(COMPONENT, table, { limit: 100_000, order: "asc" });
  return all.filter((row): row is Record<string, JSONValue> => typeof row === "object" && row !== null);
}

beforeAll(async () => {
  world = await World.create({ backlog: 0, conversations: 0, workers: WORKERS, finishedWorkers: 0, history: 0 });
  engine = world.engine;
}, 120_000);

afterAll(async () => {
  await world.close();
});

describe(`${CONVERSATIONS} conversations and ${WORKERS} workers, ${KILLED} of which are killed (seed ${SEED})`, () => {
  it("every message is answered once, in order, and none is lost", async () => {
    const random = randomFrom(SEED);
    for (let index = 0; index < CONVERSATIONS; index++) await enqueue(`conversation ${index}`);
    for (let index = 0; index < CONVERSATIONS; index += FOLLOWERS_OF_EVERY) await enqueue(`conversation ${index}`);

    const [doomed, others] = [world.workers.slice(0, KILLED), world.workers.slice(KILLED)];
    // All at once: who gets what is decided by the queue alone.
    await Promise.all([
      ...doomed.map(async (worker) => work(worker, 1 + Math.floor(random() * 3), random)),
      ...others.map(async (worker) => work(worker, null, random)),
    ]);
    expect(deaths).toBe(KILLED);

    // Heartbeats of the living come in time, those of the dead do not.
    engine.advanceClock(LEASE_MS / 2);
    for (const worker of others) await call("lib:heartbeat", { ...worker });
    engine.advanceClock(LEASE_MS / 2 + 1_000);
    await call("lib:releaseStuckJobs", {});
    // Past every backoff of a first try.
    engine.advanceClock(5_000);
    await call("lib:releaseStuckJobs", {});
    await Promise.all(others.map(async (worker) => work(worker, null, random)));

    const answers = new Map<string, number>();
    for (const { messageId, role } of rows("transcript")) {
      const id = textOf(messageId);
      if (role === "assistant") answers.set(id, (answers.get(id) ?? 0) + 1);
    }
    const messages = rows("messages");
    expect(messages).toHaveLength(CONVERSATIONS + CONVERSATIONS / FOLLOWERS_OF_EVERY);
    expect(messages.filter(({ status }) => status !== "done")).toEqual([]);
    expect([...answers.values()].filter((times) => times !== 1)).toEqual([]);
    expect(answers.size).toBe(messages.length);
    expect(started).toEqual(accepted);
    expect(rows("leases")).toEqual([]);
    expect(await call("lib:queueStats", {})).toMatchObject({ queued: 0, queuedReady: 0, processing: 0, deadLetter: 0 });
  }, 120_000);
});
