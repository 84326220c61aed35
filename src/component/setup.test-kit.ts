/** What the component's own tests share: a registered component with Convex's limits on, and a worker that acts like one. */
import { convexTest } from "convex-test";
import { componentsGeneric } from "convex/server";
import { enrollTestWorker, register, type TestWorkerOptions } from "../test.js";
import type { ComponentApi } from "./_generated/component.js";
import type { internal } from "./_generated/api.js";

type TestedComponent = ComponentApi & {
  queue: { internal: typeof internal.queue.internal };
  pool: { internal: typeof internal.pool.internal };
};

// References are made by name at run time; the name is the one `register` uses.
export const component = (componentsGeneric() as unknown as { agentFactory: TestedComponent }).agentFactory;
export const lib = component.lib;

/** 32 bytes; a key that seals nothing but tests. */
export const TEST_ENCRYPTION_KEY = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/** Use fake timers with it: scheduled functions then run only when a test says so. */
export function startComponent() {
  // convex-test wants to see a folder of generated code; the app under test has no functions of its own.
  const t = convexTest({ modules: { "./_generated/api.js": async () => ({}) }, transactionLimits: true });
  register(t);
  return t;
}

export type Harness = ReturnType<typeof startComponent>;

export async function configureAgent(t: Harness, agentKey = "a"): Promise<void> {
  await t.action(async (ctx) => {
    await ctx.runMutation(lib.configureAgent, { agentKey, version: "1", secretsRef: [], enabled: true });
  });
}

export async function enqueue(
  t: Harness,
  conversationId: string,
  messageText = "hi",
  options: {
    agentKey?: string;
    priority?: number;
    scheduledFor?: number;
    maxAttempts?: number;
    externalMessageId?: string;
  } = {},
): Promise<string> {
  const { agentKey = "a", externalMessageId, ...rest } = options;
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
        },
      }),
  );
}

/** A worker whose methods are the calls a real one makes. */
export async function startWorker(t: Harness, options?: TestWorkerOptions) {
  const { workerId, workerToken } = await enrollTestWorker(t, options);
  const credentials = { workerId, workerToken };
  type Claimed = { messageId: string; leaseId: string; generation: number };
  const of = ({ messageId, leaseId, generation }: Claimed) => ({ ...credentials, messageId, leaseId, generation });
  return {
    credentials,
    workerId,
    claim: async (conversationId?: string) =>
      await t.action(
        async (ctx) =>
          await ctx.runMutation(lib.claim, {
            ...credentials,
            ...(conversationId === undefined ? {} : { conversationId }),
          }),
      ),
    heartbeat: async () => await t.action(async (ctx) => await ctx.runMutation(lib.heartbeat, credentials)),
    inbox: async (wantsWork = true) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.workerInbox, { ...credentials, wantsWork })),
    hydrate: async (claimed: Claimed) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.getHydrationBundle, of(claimed))),
    stream: async (claimed: Claimed, offset: number, text: string) =>
      await t.action(async (ctx) => await ctx.runMutation(lib.appendTurnDelta, { ...of(claimed), offset, text })),
    complete: async (claimed: Claimed, reply = "ok", snapshotId?: string) =>
      await t.action(
        async (ctx) =>
          await ctx.runMutation(lib.complete, {
            ...of(claimed),
            reply,
            ...(snapshotId === undefined ? {} : { snapshotId }),
          }),
      ),
    fail: async (claimed: Claimed, errorMessage = "boom", retryable = true) =>
      await t.action(async (ctx) => await ctx.runMutation(lib.fail, { ...of(claimed), errorMessage, retryable })),
    release: async (claimed: Claimed) => await t.action(async (ctx) => await ctx.runMutation(lib.release, of(claimed))),
  };
}

export async function queueStats(t: Harness) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.queueStats, {}));
}
