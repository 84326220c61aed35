/** What the component's own tests share: a registered component with Convex's limits on, its clock and its tables. */
import { convexTest } from "convex-test";
import { componentsGeneric } from "convex/server";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { isAgentFactoryError, type AgentFactoryErrorKind } from "../shared/errors.js";
import type { Payload } from "../shared/payload.js";
import type { QueuePolicy } from "../shared/queue-policy.js";
import { register } from "../test.js";
import type { ComponentApi } from "./_generated/component.js";
import type { internal } from "./_generated/api.js";
import type { MutationCtx } from "./functions.js";
import { createLogger } from "./logging.js";
import schema from "./schema.js";

type TestedComponent = ComponentApi &
  Pick<typeof internal, "queue" | "pool" | "conversations" | "retention" | "secrets">;

// References are made by name at run time; the name is the one `register` uses.
export const component = (componentsGeneric() as unknown as { agentFactory: TestedComponent }).agentFactory;
export const lib = component.lib;

/** 32 bytes; a key that seals nothing but tests. */
export const TEST_ENCRYPTION_KEY = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/** Use {@link useFakeClock} with it: scheduled functions then run only when a test says so. */
export function startComponent() {
  // convex-test wants to see a folder of generated code; the app under test has no functions of its own.
  const t = convexTest({ modules: { "./_generated/api.js": async () => ({}) }, transactionLimits: true });
  register(t);
  return t;
}

export type Harness = ReturnType<typeof startComponent>;

/** Freezes the clock of every test in the block; it moves by {@link passTime} and {@link runScheduled} only. */
export function useFakeClock(): void {
  beforeEach(() => {
    vi.stubEnv("AGENT_FACTORY_LOG_LEVEL", "error");
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });
}

/** Moves the clock without running what is scheduled: the moment before anything has noticed. */
export function passTime(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** Moves the clock and runs everything that is due by then, what that schedules in turn included. */
export async function runScheduled(t: Harness, ms = 0): Promise<void> {
  vi.advanceTimersByTime(ms);
  await t.finishInProgressScheduledFunctions();
  // What was just scheduled for at once has a timer of its own.
  for (let round = 0; round < 20; round++) {
    vi.advanceTimersByTime(0);
    await t.finishInProgressScheduledFunctions();
  }
}

/** Runs code inside the component, where its tables, its files and its plain functions are. */
export async function inComponent<Result>(t: Harness, run: (ctx: MutationCtx) => Promise<Result>): Promise<Result> {
  // convex-test has this door for its own scheduler and does not declare it.
  const { runInComponent } = t as unknown as {
    runInComponent: (path: string, handler: (ctx: MutationCtx) => Promise<Result>) => Promise<Result>;
  };
  return await runInComponent("agentFactory", async (ctx) => await run({ ...ctx, log: createLogger("error") }));
}

export type Tables = Record<string, Record<string, unknown>[]>;

/** Everything the component stores, scheduled functions and files included: equal before and after means untouched. */
export async function snapshotOfAllTables(t: Harness): Promise<Tables> {
  return await inComponent(t, async (ctx) => {
    const tables: Tables = {};
    for (const name of Object.keys(schema.tables) as (keyof typeof schema.tables)[]) {
      tables[name] = await ctx.db.query(name).collect();
    }
    for (const name of ["_scheduled_functions", "_storage"] as const) {
      tables[name] = await ctx.db.system.query(name).collect();
    }
    return tables;
  });
}

/** Asserts that the call is refused with that kind and leaves every table as it was. */
export async function expectRefused(
  t: Harness,
  kind: AgentFactoryErrorKind,
  call: () => Promise<unknown>,
): Promise<string> {
  const before = await snapshotOfAllTables(t);
  const error = await call().then(
    (result) => new Error(`It was accepted: ${JSON.stringify(result)}`),
    (thrown: unknown) => thrown,
  );
  if (!isAgentFactoryError(error)) throw error;
  expect(error.data.kind).toBe(kind);
  expect(await snapshotOfAllTables(t)).toEqual(before);
  return error.data.message;
}

/** Names of the functions that wait to run, soonest first. */
export async function scheduledFunctions(t: Harness): Promise<{ name: string; at: number }[]> {
  const rows = await inComponent(t, async (ctx) => await ctx.db.system.query("_scheduled_functions").collect());
  return rows
    .filter(({ state }) => state.kind === "pending")
    .map(({ name, scheduledTime }) => ({ name, at: scheduledTime }))
    .sort((left, right) => left.at - right.at);
}

export async function configureAgent(
  t: Harness,
  agentKey = "a",
  enabled = true,
  queuePolicy?: QueuePolicy,
): Promise<void> {
  const policy = queuePolicy === undefined ? {} : { queuePolicy };
  await t.action(async (ctx) => {
    await ctx.runMutation(lib.configureAgent, { agentKey, version: "1", secretsRef: [], enabled, ...policy });
  });
}

/** A component with agent "a", which is what nearly every test starts from. */
export async function startWithAgent(queuePolicy?: QueuePolicy): Promise<Harness> {
  const t = startComponent();
  await configureAgent(t, "a", true, queuePolicy);
  return t;
}

export async function cancel(t: Harness, messageId: string) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.cancelMessage, { messageId }));
}

export async function redrive(t: Harness, messageId: string) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.redrive, { messageId }));
}

/** Binds the user to the agent and returns their conversation. */
export async function bindUser(t: Harness, consumerUserId: string, agentKey = "a"): Promise<string> {
  const { conversationId } = await t.action(
    async (ctx) => await ctx.runMutation(lib.bindUserAgent, { consumerUserId, agentKey }),
  );
  return conversationId;
}

export type EnqueueOptions = {
  agentKey?: string;
  priority?: number;
  scheduledFor?: number;
  blocksFollowers?: boolean;
  maxAttempts?: number;
  externalMessageId?: string;
  payload?: Partial<Payload>;
};

export async function enqueue(
  t: Harness,
  conversationId: string,
  messageText = "hi",
  { agentKey = "a", externalMessageId, payload, ...rest }: EnqueueOptions = {},
): Promise<string> {
  return await t.action(
    async (ctx) =>
      await ctx.runMutation(lib.enqueue, {
        conversationId,
        agentKey,
        ...rest,
        payload: {
          provider: "app",
          providerUserId: "u",
          messageText,
          ...(externalMessageId === undefined ? {} : { externalMessageId }),
          ...payload,
        },
      }),
  );
}

export async function queueStats(t: Harness) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.queueStats, {}));
}

/** Does what the reconcile does first: wakes what is due and takes back what died. */
export async function sweep(t: Harness): Promise<void> {
  await t.action(async (ctx) => await ctx.runMutation(component.pool.internal.sweep, { poolKey: "default" }));
}
