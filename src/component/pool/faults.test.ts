/**
 * Random work under random faults: messages, crashes, hung workers, changed limits, and a provider that refuses, loses answers,
 * acts late and shows old lists. Whatever happened, in the end every message is answered and neither a machine nor a volume is
 * left over.
 */
import { describe, expect, it } from "vitest";
import { unitFromText } from "../../shared/backoff.js";
import { enqueue, queueStats } from "../setup.test-kit.js";
import type { ApiCall, ApiFault, MachinesApi } from "./machines-api.test-kit.js";
import {
  health,
  liveRows,
  PROVIDER,
  reconcileNow,
  setPolicy,
  startPool,
  useFakePool,
  whileTimePasses,
  type Pool,
} from "./pool.test-kit.js";
import { volumeRows, WITH_VOLUMES } from "./volumes/volumes.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60_000;
const STEP_MS = 8 * SECOND;
const STEPS = 16;
/** A reproduced failure: `POOL_SEED=17 npx vitest run src/component/pool/faults.test.ts`. */
const ONLY = process.env["POOL_SEED"];
/** All of them where nobody waits for it. */
const COUNT = process.env["CI"] === undefined ? 40 : 200;
const SEEDS = ONLY === undefined ? Array.from({ length: COUNT }, (_, index) => index + 1) : [Number(ONLY)];

/** The same decisions for the same seed, in the order they are asked for. */
class Chance {
  private count = 0;
  constructor(private readonly seed: number) {}

  unit(): number {
    return unitFromText(`${this.seed}/${this.count++}`);
  }
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }
  happens(probability: number): boolean {
    return this.unit() < probability;
  }
  pick<T>(options: readonly T[]): T {
    const option = options[this.below(options.length)];
    if (option === undefined) throw new Error("There is nothing to pick from.");
    return option;
  }
}

const ANYWHERE: readonly ApiFault[] = [
  { kind: "refuse", status: 429 },
  { kind: "refuse", status: 429, headers: { "retry-after": "3" } },
  { kind: "refuse", status: 500 },
  { kind: "refuse", status: 503 },
  { kind: "refuse", status: 401 },
  { kind: "drop" },
  { kind: "hang" },
  { kind: "garbage" },
];
const ON_CHANGES: readonly ApiFault[] = [
  { kind: "lose_answer", status: 500 },
  { kind: "lose_answer", status: 408 },
  { kind: "lose_answer", status: "drop" },
  { kind: "commit_late", afterMs: 5 * SECOND },
  { kind: "commit_late", afterMs: 65 * SECOND },
  { kind: "refuse", status: 409, body: { error: "could not reserve resource for machine" } },
  { kind: "refuse", status: 409, body: { error: "lease currently held" } },
];
const ON_CREATES: readonly ApiFault[] = [
  { kind: "refuse", status: 422, body: { error: "insufficient", status: "insufficient_capacity" } },
  { kind: "refuse", status: 412, body: { error: "insufficient resources", status: "volume_placement_capacity" } },
];
const ON_VOLUME_CREATES: readonly ApiFault[] = [{ kind: "refuse", status: 400, body: { error: "no capacity" } }];
const ON_LOOKS: readonly ApiFault[] = [
  { kind: "stale", ageMs: 10 * SECOND },
  { kind: "view", change: (machine) => ({ ...machine, state: "hibernating" }) },
  {
    kind: "view",
    change: ({ config, ...machine }) => ({ ...machine, host_status: "unreachable", incomplete_config: config }),
  },
];

function faultsFor({ action }: ApiCall): readonly ApiFault[] {
  if (action === "create") return [...ANYWHERE, ...ON_CHANGES, ...ON_CREATES];
  if (action === "create_volume") return [...ANYWHERE, ...ON_CHANGES, ...ON_VOLUME_CREATES];
  if (action === "delete_volume") return [...ANYWHERE, ...ON_CHANGES];
  if (action === "destroy" || action === "stop" || action === "suspend" || action === "start")
    return [...ANYWHERE, ...ON_CHANGES];
  if (action === "get_volume") return [...ANYWHERE, ...ON_LOOKS];
  if (action === "get") return [...ANYWHERE, ...ON_LOOKS, { kind: "refuse", status: 404 }];
  return [...ANYWHERE, ...ON_LOOKS];
}

/** A freshly made machine may be unknown where one looks; one that has been there for a while is not. */
function isPossible(api: MachinesApi, call: ApiCall, fault: ApiFault): boolean {
  if (fault.kind !== "refuse" || fault.status !== 404) return true;
  const machine = call.machineId === null ? undefined : api.machines.get(call.machineId);
  return machine !== undefined && call.at - machine.createdAt < 20 * SECOND;
}

/** What could break while the faults last. Returns the limit that held during the step. */
async function stepUnderFaults(
  { t, api, fleet }: Pool,
  chance: Chance,
  limit: number,
  pending: Promise<unknown>[],
): Promise<number> {
  let maxWorkers = limit;
  if (chance.happens(0.4)) {
    const conversation = `c${chance.below(8)}`;
    for (let count = chance.below(3); count >= 0; count--) await enqueue(t, conversation);
  }
  const victim = api.live().at(0);
  if (victim !== undefined && chance.happens(0.05)) api.exit(victim);
  if (victim !== undefined && chance.happens(0.04)) fleet.hung.add(victim.id);
  if (chance.happens(0.04)) {
    maxWorkers = 1 + chance.below(4);
    await setPolicy(t, { maxWorkers, minWorkers: Math.min(maxWorkers, chance.below(2)) });
  }
  // A cron and an operator, at any time, also while a run is at it.
  const others = Array.from({ length: chance.happens(0.15) ? 2 : 0 }, async () => await reconcileNow(t));
  await fleet.run(STEP_MS, STEP_MS);
  pending.push(...others);
  return maxWorkers;
}

describe("random work under random faults", () => {
  useFakePool();

  it.each(SEEDS)("seed %i: everybody is answered, nothing is left over", async (seed) => {
    const chance = new Chance(seed);
    const quick = { idleTimeoutMs: 20 * SECOND, leaseDurationMs: 15 * SECOND, bootDeadlineMs: MINUTE };
    // Some pools suspend their idle workers, some drain them.
    const rest = { suspendAfterMs: chance.pick([5, 12, 60]) * SECOND, retireAfterMs: chance.pick([40, 120]) * SECOND };
    const policy = { ...quick, ...rest, drainDeadlineMs: 30 * SECOND, maxWorkers: 3 };
    const pool = await startPool(policy, seed % 4 === 0 ? WITH_VOLUMES : PROVIDER);
    const { t, api, fleet } = pool;
    const stranger = api.add({ name: "somebody-elses" });
    const strangersVolume = api.shelf.add({ name: "data" });
    const faultRate = chance.unit() * 0.4;
    api.pageSize = chance.pick([1, 3, 1_000]);
    api.exitMs = () => (chance.happens(0.2) ? Infinity : 500);
    api.faultFor = (call) => {
      if (!chance.happens(faultRate)) return null;
      const fault = chance.pick(faultsFor(call));
      return isPossible(api, call, fault) ? fault : null;
    };

    let limit = 3;
    // A limit that is lowered holds once the machines of before have finished, so the larger one of both counts.
    let held = limit;
    const pending: Promise<unknown>[] = [];
    // Chance may have nobody say anything.
    await enqueue(t, "c0");
    for (let step = 0; step < STEPS; step++) {
      limit = await stepUnderFaults(pool, chance, limit, pending);
      held = Math.max(held, limit);
      expect((await liveRows(t)).length).toBeLessThanOrEqual(held);
      expect(api.live().length - 1).toBeLessThanOrEqual(held);
    }

    api.faultFor = () => null;
    api.exitMs = () => 500;
    await whileTimePasses(Promise.all(pending));
    await setPolicy(t, { minWorkers: 0, maxWorkers: 3 });
    for (let waited = 0; waited < 20 * MINUTE; waited += MINUTE) {
      await fleet.run(MINUTE, STEP_MS);
      const { queued, processing } = await queueStats(t);
      const isEmpty = api.live().length === 1 && (await liveRows(t)).length + (await volumeRows(t)).length === 0;
      if (queued + processing === 0 && isEmpty) break;
    }
    const { queued, processing, done, deadLetter } = await queueStats(t);
    expect({ queued, processing }).toEqual({ queued: 0, processing: 0 });
    expect(done + deadLetter).toBeGreaterThan(0);
    expect(await liveRows(t)).toEqual([]);
    expect(api.live()).toEqual([stranger]);
    expect(await volumeRows(t)).toEqual([]);
    expect(api.shelf.live()).toEqual([strangersVolume]);
    expect(await health(t)).toMatchObject({ problem: null });
  });
});
