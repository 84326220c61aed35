/** Which concurrent calls may conflict: only those about the same conversation, candidate or worker, and few shared rows. */
import type { JSONValue } from "convex/values";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitTableKey } from "../../dev/embedded-convex/engine/read-sets.js";
import type { Rehearsal } from "../../dev/embedded-convex/engine/types.js";
import { World, type WorkerCredentials } from "../bench/ops-world.js";

const COMPONENT = "agentFactory";
/** Rows that calls about different things share on purpose, each with what keeps it from being a hot spot. */
const SHARED_ROWS = {
  queueCounters: "sixteen shards per scope: two calls meet on one in sixteen times",
  capacityRequests: "written once per window, however many messages come",
};
/** Shards of a counter: in as many tries two calls fall on different ones, unless they never do. */
const MAX_TRIES = 64;

type Call = { path: string; args: { [name: string]: JSONValue } };
type Turn = { worker: WorkerCredentials; messageId: string; leaseId: string; generation: number };

let world: World;
/** Turns of conversations "running0", "running1", ..., each of a worker of its own, who had one turn there before. */
const turns: Turn[] = [];
/** Workers without a turn. */
let idle: WorkerCredentials[];
const RUNNING = 6;

async function claim(worker: WorkerCredentials, conversationId: string): Promise<Turn> {
  const value = await world.call("lib:claim", { ...worker, conversationId });
  const { messageId, leaseId, generation } = value as { messageId: string; leaseId: string; generation: number };
  return { worker, messageId, leaseId, generation };
}

const enqueue = (conversationId: string): Call => ({
  path: "lib:enqueue",
  args: {
    conversationId,
    agentKey: "agent",
    payload: { provider: "app", providerUserId: "user", messageText: "hello" },
  },
});
const claimBy = (worker: WorkerCredentials, conversationId?: string): Call => ({
  path: "lib:claim",
  args: { ...worker, ...(conversationId === undefined ? {} : { conversationId }) },
});
const heartbeat = (worker: WorkerCredentials): Call => ({ path: "lib:heartbeat", args: { ...worker } });
const ofTurn = ({ worker, ...turn }: Turn) => ({ ...worker, ...turn });
const complete = (turn: Turn): Call => ({ path: "lib:complete", args: { ...ofTurn(turn), reply: "ok" } });
const fail = (turn: Turn): Call => ({ path: "lib:fail", args: { ...ofTurn(turn), errorMessage: "no" } });
const release = (turn: Turn): Call => ({ path: "lib:release", args: ofTurn(turn) });
const stream = (turn: Turn): Call => ({ path: "lib:appendTurnDelta", args: { ...ofTurn(turn), offset: 0, text: "a" } });
const cancel = ({ messageId }: Turn): Call => ({ path: "lib:cancelMessage", args: { messageId } });
const recover: Call = { path: "pool/internal:sweep", args: { poolKey: "default" } };

async function rehearse({ path, args }: Call): Promise<Rehearsal> {
  return await world.engine.rehearse(COMPONENT, path, args);
}

/** The tables on whose rows the later of the two would be refused. */
function conflictsOf(first: Rehearsal, second: Rehearsal): string[] {
  const tables = new Set<string>();
  for (const [reader, writer] of [
    [first, second],
    [second, first],
  ] as const) {
    for (const [table, changes] of writer.writes) {
      const commit = { ts: 0n, writes: new Map([[table, changes]]) };
      if (world.engine.isAffected(reader.readSet, commit)) tables.add(splitTableKey(table).table);
    }
  }
  return [...tables].sort();
}

/** Both from the same state; tried again while they meet on nothing but a row that is shared on purpose. */
async function conflicts(first: (attempt: number) => Call, second: (attempt: number) => Call): Promise<string[]> {
  let found: string[] = [];
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    found = conflictsOf(await rehearse(first(attempt)), await rehearse(second(attempt)));
    const isByChance = found.length > 0 && found.every((table) => table in SHARED_ROWS);
    if (!isByChance) return found;
  }
  return found;
}

const turn = (index: number): Turn => turns[index % turns.length]!;
const worker = (index: number): WorkerCredentials => idle[index % idle.length]!;

beforeAll(async () => {
  world = await World.create({ backlog: 0, conversations: 0, workers: 2 * RUNNING, finishedWorkers: 0, history: 0 });
  idle = world.workers.slice(RUNNING);
  for (let index = 0; index < RUNNING; index++) {
    const conversationId = `running${index}`;
    await world.enqueue(conversationId);
    const first = await claim(world.workers[index]!, conversationId);
    await world.call("lib:complete", { ...ofTurn(first), reply: "first" });
    await world.enqueue(conversationId);
    turns.push(await claim(world.workers[index]!, conversationId));
    await world.enqueue(`ready${index}`);
    await world.enqueue(`ready${index}`);
  }
});

afterAll(async () => {
  await world.close();
});

describe("calls about different conversations never conflict", () => {
  const independent: [string, (attempt: number) => Call, (attempt: number) => Call][] = [
    ["enqueue and enqueue", () => enqueue("new1"), () => enqueue("new2")],
    ["enqueue and enqueue behind others", () => enqueue("ready0"), () => enqueue("ready1")],
    ["enqueue and claim", () => enqueue("new1"), (n) => claimBy(worker(n), "ready1")],
    ["enqueue and the claim of what is next", () => enqueue("new1"), (n) => claimBy(worker(n))],
    ["enqueue and heartbeat", () => enqueue("new1"), () => heartbeat(worker(1))],
    ["enqueue and complete", () => enqueue("new1"), (n) => complete(turn(n))],
    ["enqueue and a delta", () => enqueue("new1"), () => stream(turn(1))],
    ["claim and claim", (n) => claimBy(worker(n), "ready0"), (n) => claimBy(worker(n + 1), "ready1")],
    ["claim and heartbeat", () => claimBy(worker(0), "ready0"), () => heartbeat(worker(1))],
    ["the claim of what is next and heartbeat", () => claimBy(worker(0)), () => heartbeat(worker(1))],
    ["claim and complete", (n) => claimBy(worker(n), "ready0"), (n) => complete(turn(n))],
    ["fail and claim", (n) => fail(turn(n)), (n) => claimBy(worker(n))],
    ["release and claim", (n) => release(turn(n)), (n) => claimBy(worker(n))],
    ["complete and complete", (n) => complete(turn(n)), (n) => complete(turn(n + 1))],
    ["complete and fail", (n) => complete(turn(n)), (n) => fail(turn(n + 1))],
    ["cancel and complete", (n) => cancel(turn(n)), (n) => complete(turn(n + 1))],
    ["cancel and enqueue", (n) => cancel(turn(n)), () => enqueue("new1")],
    ["heartbeat and heartbeat", () => heartbeat(worker(0)), () => heartbeat(worker(1))],
    ["recovery and heartbeat", () => recover, () => heartbeat(worker(0))],
    ["recovery and claim", () => recover, () => claimBy(worker(0))],
    ["recovery and enqueue", () => recover, () => enqueue("new1")],
    ["recovery and complete", () => recover, () => complete(turn(0))],
  ];
  for (const [what, first, second] of independent) {
    it(what, async () => {
      // Somebody has just asked for a reconcile, as in any burst of messages.
      await world.enqueue(`burst before ${what}`);
      expect(await conflicts(first, second)).toEqual([]);
    });
  }
});

describe("calls about the same conversation that do not have to wait for each other", () => {
  it("are a message and a delta of the running turn", async () => {
    expect(
      await conflicts(
        () => enqueue("running0"),
        () => stream(turn(0)),
      ),
    ).toEqual([]);
  });

  it("are a message behind a running turn and its worker's heartbeat", async () => {
    expect(
      await conflicts(
        () => enqueue("running0"),
        () => heartbeat(turn(0).worker),
      ),
    ).toEqual([]);
  });
});

describe("calls about the same thing conflict, so that one of them sees what the other has done", () => {
  const dependent: [string, () => Call, () => Call, string][] = [
    ["enqueue and enqueue", () => enqueue("ready0"), () => enqueue("ready0"), "lanes"],
    ["enqueue and enqueue of a new conversation", () => enqueue("new1"), () => enqueue("new1"), "lanes"],
    ["enqueue and claim", () => enqueue("ready0"), () => claimBy(worker(0), "ready0"), "lanes"],
    ["enqueue and complete", () => enqueue("running0"), () => complete(turn(0)), "lanes"],
    [
      "claim and claim of one conversation",
      () => claimBy(worker(0), "ready0"),
      () => claimBy(worker(1), "ready0"),
      "lanes",
    ],
    ["claim and claim of the same candidate", () => claimBy(worker(0)), () => claimBy(worker(1)), "lanes"],
    ["complete and complete", () => complete(turn(0)), () => complete(turn(0)), "leases"],
    ["cancel and complete", () => cancel(turn(0)), () => complete(turn(0)), "leases"],
    ["fail and release", () => fail(turn(0)), () => release(turn(0)), "leases"],
    ["a worker's claim and its heartbeat", () => claimBy(worker(0)), () => heartbeat(worker(0)), "leaseHolders"],
    [
      "a turn's end and its worker's heartbeat",
      () => complete(turn(0)),
      () => heartbeat(turn(0).worker),
      "leaseHolders",
    ],
  ];
  for (const [what, first, second, table] of dependent) {
    it(what, async () => {
      expect(await conflicts(first, second)).toContain(table);
    });
  }

  it("a claim that comes away empty, and the message it has missed", async () => {
    const empty = await World.create({ backlog: 0, conversations: 0, workers: 1, finishedWorkers: 0, history: 0 });
    try {
      const claiming = await empty.engine.rehearse(COMPONENT, "lib:claim", { ...empty.workers[0]! });
      const { path, args } = enqueue("new");
      const { writes } = await empty.engine.rehearse(COMPONENT, path, args);
      expect(empty.engine.isAffected(claiming.readSet, { ts: 0n, writes })).toBe(true);
    } finally {
      await empty.close();
    }
  });
});

describe("recovery of a silent worker", () => {
  it("reads what it changes of that worker, and nothing that another one's heartbeat changes", async () => {
    const now = Date.now();
    const silent = {
      workerId: "silent",
      poolKey: "default",
      epoch: 1,
      state: "live",
      leaseDurationMs: 1_000,
      capacity: 1,
    };
    await world.engine.seed(COMPONENT, "leaseHolders", [{ ...silent, beatAt: now - 2_000, expiresAt: now - 1_000 }]);
    const recovering = await rehearse(recover);
    expect([...recovering.writes.keys()].map((key) => splitTableKey(key).table)).toEqual(["leaseHolders"]);
    expect(conflictsOf(recovering, recovering)).toEqual(["leaseHolders"]);
    for (const lively of world.workers) {
      expect(conflictsOf(recovering, await rehearse(heartbeat(lively)))).toEqual([]);
    }
  });
});
