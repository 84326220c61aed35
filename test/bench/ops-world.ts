/** A deployment of a given size for `bench:ops`: made by the component's own calls, then multiplied by copying their rows. */
import { createHash, randomBytes } from "node:crypto";
import type { JSONValue } from "convex/values";
import { PROJECT_DIRECTORY } from "../../dev/demo/stack.js";
import { createEngine } from "../../dev/embedded-convex/engine/engine.js";
import type { EmbeddedEngine, Measurement } from "../../dev/embedded-convex/engine/types.js";

export type Scenario = {
  /** Messages that wait. */
  backlog: number;
  /** Conversations they are spread over. */
  conversations: number;
  /** Live workers. */
  workers: number;
  finishedWorkers: number;
  /** Transcript entries of the conversation the calls are about. */
  history: number;
};

export type WorkerCredentials = { workerId: string; workerToken: string };

const COMPONENT = "agentFactory";
const POOL = "default";
const AGENT = "agent";
/** The longest a lease may last, so that none expires while a large world is being made. */
const LEASE_DURATION_MS = 600_000;

export class World {
  readonly workers: WorkerCredentials[] = [];

  private constructor(readonly engine: EmbeddedEngine) {}

  static async create(scenario: Scenario): Promise<World> {
    const engine = await createEngine({
      projectDirectory: PROJECT_DIRECTORY,
      dataDirectory: null,
      cloudUrl: "http://127.0.0.1:1",
      siteUrl: "http://127.0.0.1:2",
      env: { SESSION_SIGNING_KEY: "{}" },
    });
    const world = new World(engine);
    await world.populate(scenario);
    return world;
  }

  async close(): Promise<void> {
    await this.engine.close();
  }

  /** Calls a function of the component and says what it cost. */
  async measure(path: string, args: JSONValue): Promise<Measurement> {
    return await this.engine.measure(COMPONENT, path, args);
  }

  async call(path: string, args: JSONValue): Promise<JSONValue> {
    return (await this.measure(path, args)).value;
  }

  async enqueue(conversationId: string): Promise<Measurement> {
    return await this.measure("lib:enqueue", {
      conversationId,
      agentKey: AGENT,
      payload: { provider: "app", providerUserId: "user", messageText: "hello" },
    });
  }

  /** Stores a file as an upload would, and returns what a worker reports about it. */
  async storeFile(text: string): Promise<{ storageId: string; sha256: string; sizeBytes: number }> {
    const bytes = Buffer.from(text);
    const file = await this.engine.storage.store(COMPONENT, chunks(bytes), "application/gzip");
    return {
      storageId: file.storageId,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      sizeBytes: bytes.length,
    };
  }

  private async populate(scenario: Scenario): Promise<void> {
    await this.call("lib:configureAgent", { agentKey: AGENT, version: "1", secretsRef: [], enabled: true });
    await this.call("lib:setScalingPolicy", {
      scalingPolicy: {
        isolation: "shared",
        conversationsPerWorker: 1,
        minWorkers: scenario.workers,
        maxWorkers: scenario.workers,
        spawnStep: Math.max(1, scenario.workers),
        leaseDurationMs: LEASE_DURATION_MS,
      },
    });
    await this.call("lib:setProviderRuntimeConfig", {
      providerConfig: { kind: "local", appName: "bench", image: "bench", regions: ["fra"] },
    });
    await this.startWorkers(scenario.workers);
    await this.multiply("workers", scenario.finishedWorkers, (row, index) => ({
      ...row,
      workerId: `finished${index}`,
      machineName: `finished${index}`,
      status: "stopped",
      stoppedAt: Date.now(),
    }));
    await this.makeBacklog(scenario);
  }

  /** Spawns workers as reconciles would, as many at a time as one of them starts, and enrolls each. */
  private async startWorkers(count: number): Promise<void> {
    while (this.workers.length < count) {
      const tickets = Array.from({ length: count - this.workers.length }, () => ({
        workerId: `worker${randomBytes(6).toString("hex")}`,
        workerToken: randomBytes(32).toString("base64url"),
        enrollmentCredential: randomBytes(32).toString("base64url"),
      }));
      const run = await this.call("pool/internal:commit", {
        poolKey: POOL,
        machines: [],
        unlistedHomes: [],
        tickets: tickets.map(({ workerId, enrollmentCredential }) => ({
          workerId,
          credentialHash: createHash("sha256").update(enrollmentCredential).digest("hex"),
        })),
      });
      const { generation, spawned } = readRun(run);
      await this.call("pool/internal:finish", {
        poolKey: POOL,
        startedAt: Date.now(),
        generation,
        stoodAside: false,
        problem: null,
        backOff: false,
        isFull: false,
        fullRegions: [],
        nextAt: null,
      });
      if (spawned.size === 0) throw new Error("The pool spawned nothing.");
      for (const worker of tickets.filter(({ workerId }) => spawned.has(workerId))) {
        await this.call("lib:enrollWorker", worker);
        this.workers.push({ workerId: worker.workerId, workerToken: worker.workerToken });
      }
    }
  }

  /** Spreads the backlog over its conversations: as many lanes as these, and the rest of the messages behind their heads. */
  private async makeBacklog({ backlog, conversations }: Scenario): Promise<void> {
    if (backlog === 0) return;
    const lanes = Math.min(backlog, conversations);
    await this.enqueue("waiting0");
    const shards = 4;
    await this.multiply("lanes", lanes - 1, (row, index) => ({
      ...row,
      conversationId: `waiting${index + 1}`,
      shard: index % shards,
      rank: Number(row["rank"]) + index,
    }));
    await this.multiply("messages", backlog - 1, (row, index) => ({
      ...row,
      conversationId: `waiting${(index + 1) % lanes}`,
      sequence: Math.floor((index + 1) / lanes) + 1,
    }));
  }

  /** A conversation that has had a turn and then `entries` rows of transcript. */
  async makeHistory(entries: number): Promise<void> {
    await this.multiply("transcript", Math.max(0, entries - 2), (row) => row);
  }

  /** Copies the first row of a table `count` times. */
  private async multiply(
    table: string,
    count: number,
    change: (row: Record<string, JSONValue>, index: number) => Record<string, JSONValue>,
  ): Promise<void> {
    if (count <= 0) return;
    const [template] = this.engine.readTable(COMPONENT, table, { limit: 1, order: "asc" });
    if (typeof template !== "object" || template === null || Array.isArray(template)) {
      throw new Error(`Table ${table} has no row to copy.`);
    }
    const { _id, _creationTime, ...row } = template;
    const copies = Array.from({ length: count }, (_, index) => withoutUndefined(change(withoutUndefined(row), index)));
    await this.engine.seed(COMPONENT, table, copies);
  }
}

function readRun(run: JSONValue): { generation: number; spawned: Set<string> } {
  if (typeof run !== "object" || run === null || Array.isArray(run)) throw new Error("Another run is at it.");
  const { generation, steps } = run;
  if (typeof generation !== "number" || !Array.isArray(steps)) throw new Error("That is not a committed plan.");
  const spawned = steps.flatMap((step) => {
    const workerId = typeof step === "object" && step !== null && !Array.isArray(step) ? step["workerId"] : undefined;
    return typeof workerId === "string" ? [workerId] : [];
  });
  return { generation, spawned: new Set(spawned) };
}

export function withoutUndefined(row: Record<string, JSONValue | undefined>): Record<string, JSONValue> {
  const entries = Object.entries(row).filter((entry): entry is [string, JSONValue] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
