/// <reference types="vite/client" />
/** A pool on a fake clock, a machines API in memory, and workers that live as long as their machines do. */
import { afterEach, beforeAll, beforeEach, vi } from "vitest";
import { hashText } from "../../shared/backoff.js";
import type { ProviderConfig, ScalingPolicy } from "../../shared/provider-config.js";
import type { Claim } from "../../shared/worker-protocol.js";
import { randomToken } from "../digest.js";
import {
  configureAgent,
  inComponent,
  lib,
  startComponent,
  TEST_ENCRYPTION_KEY,
  type Harness,
} from "../setup.test-kit.js";
import { workerWith } from "../worker.test-kit.js";
import { MachinesApi, stateOf, type ApiMachine } from "./machines-api.test-kit.js";

export const PROVIDER: ProviderConfig = {
  kind: "fly",
  appName: "app",
  image: "registry/worker:1",
  regions: ["fra", "ams"],
};

// Taken before any test freezes the clock: what the platform does in the background takes real time.
const realSetTimeout = globalThis.setTimeout;
let pendingCryptography = 0;

// Loading a module the first time takes real time as well.
const componentModules = import.meta.glob([
  "../**/*.ts",
  "!../**/*.test.ts",
  "!../**/*.test-kit.ts",
  // Only Convex's bundler can load it.
  "!../convex.config.ts",
]);

/** Freezes the clock, and counts what runs on other threads, so that time never passes them by. */
export function useFakePool(): void {
  beforeAll(async () => {
    await Promise.all(Object.values(componentModules).map(async (load) => await load()));
  });
  beforeEach(() => {
    vi.stubEnv("AGENT_FACTORY_LOG_LEVEL", "error");
    vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
    vi.stubEnv("CONVEX_CLOUD_URL", "https://test.convex.cloud");
    vi.useFakeTimers({ now: 1_700_000_000_000 });
    // The same names and tokens every time, so that a failure can be looked at again.
    let random = 0;
    vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
      if (array instanceof Uint8Array) array.set(array.map((_, index) => hashText(`${random++}/${index}`)));
      return array;
    });
    for (const name of ["digest", "encrypt", "decrypt", "importKey"] as const) {
      const original = crypto.subtle[name].bind(crypto.subtle) as (...args: unknown[]) => Promise<never>;
      vi.spyOn(crypto.subtle, name).mockImplementation(async (...args: unknown[]) => {
        pendingCryptography += 1;
        try {
          return await original(...args);
        } finally {
          pendingCryptography -= 1;
        }
      });
    }
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });
}

/** Lets the clock run: every timer fires at its time, and everything it causes happens before the next one does. */
export async function letTimePass(ms: number): Promise<void> {
  const sleep = watched(new Promise<void>((resolve) => setTimeout(resolve, ms)));
  await settleBackground();
  while (sleep.isPending()) {
    await vi.advanceTimersToNextTimerAsync();
    await settleBackground();
  }
}

async function settleBackground(): Promise<void> {
  do {
    await new Promise((resolve) => {
      realSetTimeout(resolve, 0);
    });
  } while (pendingCryptography > 0);
}

/** Does what takes time while the clock runs, and returns its result. */
export async function whileTimePasses<Result>(work: Promise<Result>, limitMs = 10 * 60_000): Promise<Result> {
  const { isPending } = watched(work);
  const until = Date.now() + limitMs;
  await settleBackground();
  while (isPending()) {
    if (Date.now() > until) throw new Error(`It was not done within ${limitMs} ms of the test's clock.`);
    await letTimePass(100);
  }
  return await work;
}

function watched(work: Promise<unknown>): { isPending: () => boolean } {
  const state = { isPending: true };
  const end = () => {
    state.isPending = false;
  };
  work.then(end, end);
  return { isPending: () => state.isPending };
}

export type Pool = Awaited<ReturnType<typeof startPool>>;

/** A component with agent "a", a stored token and a configured provider; nothing has been asked of it yet. */
export async function startPool(policy: Partial<ScalingPolicy> = {}, provider: ProviderConfig | null = PROVIDER) {
  const t = startComponent();
  const api = new MachinesApi();
  vi.stubGlobal("fetch", api.fetch);
  await configureAgent(t);
  await storeToken(t, api.token);
  // A test that sets a shorter idle time-out than this is one about workers that are drained.
  await setPolicy(t, { suspendAfterMs: 60_000, ...policy });
  if (provider !== null) await setProvider(t, provider);
  await letTimePass(3_000);
  api.calls.length = 0;
  const fleet = new VirtualWorkers(t, api);
  return { t, api, fleet };
}

export async function storeToken(t: Harness, plaintextValue: string): Promise<void> {
  await t.action(async (ctx) => await ctx.runAction(lib.importSecret, { secretRef: "fly.apiToken", plaintextValue }));
}

export async function setPolicy(t: Harness, scalingPolicy: Partial<ScalingPolicy>): Promise<void> {
  await t.action(async (ctx) => await ctx.runMutation(lib.setScalingPolicy, { scalingPolicy }));
}

export async function setProvider(t: Harness, providerConfig: ProviderConfig): Promise<void> {
  await t.action(async (ctx) => await ctx.runMutation(lib.setProviderRuntimeConfig, { providerConfig }));
}

/** What the app's cron does every minute. Somebody has to let time pass for it, as {@link reconcile} does. */
export async function reconcileNow(t: Harness) {
  return await t.action(async (ctx) => await ctx.runAction(lib.reconcileWorkers, {}));
}

export async function reconcile(t: Harness) {
  return await whileTimePasses(reconcileNow(t));
}

export async function health(t: Harness) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.poolHealth, {}));
}

/** Every row, also of workers that have stopped. */
export async function workerRows(t: Harness) {
  return await inComponent(t, async (ctx) => await ctx.db.query("workers").collect());
}

export async function liveRows(t: Harness) {
  return (await workerRows(t)).filter(({ status }) => status !== "stopped");
}

type Life = {
  machine: ApiMachine;
  calls: ReturnType<typeof workerWith>;
  held: { claim: Claim; doneAt: number }[];
  beatAt: number;
};

/** Plays what the worker image does, a step at a time; a worker whose machine does not run does nothing. */
export class VirtualWorkers {
  private readonly lives = new Map<string, Life | "ended">();
  /** How long a turn takes. */
  turnMs = 2_000;
  /** Alive and deaf: sends no heartbeat, listens to nothing. */
  readonly hung = new Set<string>();

  constructor(
    private readonly t: Harness,
    private readonly api: MachinesApi,
  ) {}

  /** Lets time pass, and the workers do their part of it every `stepMs`. */
  async run(ms: number, stepMs = 2_000): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await letTimePass(Math.min(stepMs, ms - passed));
      for (const machine of this.api.live()) await this.step(machine);
    }
  }

  private async step(machine: ApiMachine): Promise<void> {
    if (stateOf(machine) !== "started" || this.hung.has(machine.id) || machine.config.files === undefined) return;
    try {
      const life = this.lives.get(machine.id) ?? (await this.boot(machine));
      if (life !== "ended") await this.live(life);
    } catch {
      // Rejected: its row has moved on without it, and a worker that learns so exits.
      this.end(machine);
    }
  }

  private async boot(machine: ApiMachine): Promise<Life> {
    const workerId = machine.config.metadata?.["agent-factory-worker"] ?? "";
    const enrollmentCredential = atob(machine.config.files?.[0]?.raw_value ?? "");
    const workerToken = randomToken();
    const args = { workerId, workerToken, enrollmentCredential };
    await this.t.action(async (ctx) => await ctx.runMutation(lib.enrollWorker, args));
    const life = { machine, calls: workerWith(this.t, { workerId, workerToken }), held: [], beatAt: Date.now() };
    this.lives.set(machine.id, life);
    return life;
  }

  private async live(life: Life): Promise<void> {
    const now = Date.now();
    if (now - life.beatAt >= 5_000) {
      life.beatAt = now;
      if (!(await life.calls.heartbeat())) life.held = [];
    }
    for (const { claim, doneAt } of life.held) if (now >= doneAt) await life.calls.complete(claim, "ok");
    life.held = life.held.filter(({ doneAt }) => now < doneAt);
    const { state, work } = await life.calls.inbox();
    if (state === "stop" || (state === "drain" && life.held.length === 0)) {
      if (state === "drain") await life.calls.drained();
      this.end(life.machine);
      return;
    }
    if (work === null) return;
    const claim = await life.calls.claim();
    if (claim !== null) life.held.push({ claim, doneAt: now + this.turnMs });
  }

  private end(machine: ApiMachine): void {
    this.lives.set(machine.id, "ended");
    this.api.exit(machine);
  }
}
