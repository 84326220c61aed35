/** A worker without a machine, for the component's own tests: its methods are the calls a real one makes. */
import type { FailureKind } from "../shared/failure.js";
import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from "../shared/provider-config.js";
import type { ToolCall, Usage } from "../shared/payload.js";
import type { Claim, WorkerArgs } from "../shared/worker-protocol.js";
import { randomToken, sha256Hex } from "./digest.js";
import { inComponent, lib, type Harness } from "./setup.test-kit.js";
import { recordSpawn } from "./workers/fleet.js";

type Claimed = Pick<Claim, "messageId" | "leaseId" | "generation">;
type Ending = { usage?: Usage; snapshotId?: string };
type UploadRequest = Pick<WorkerArgs<"workerPrepareSnapshotUpload">, "conversationId" | "generation" | "reason">;
type Upload = Pick<WorkerArgs<"workerFinalizeSnapshotUpload">, "snapshotId" | "storageId" | "sha256" | "sizeBytes">;

export type StartWorkerOptions = {
  /** What the worker is spawned with: isolation, capacity, lease duration, ... */
  policy?: Partial<ScalingPolicy>;
  workerId?: string;
};

let started = 0;

/** Writes the row a spawn writes, without asking the planner: no other worker is touched. */
export async function spawnWorker(t: Harness, { policy, workerId = `w${String(++started)}` }: StartWorkerOptions = {}) {
  const enrollmentCredential = randomToken();
  const credentialHash = await sha256Hex(enrollmentCredential);
  const { leaseDurationMs, runTimeoutMs, ...rest } = { ...DEFAULT_SCALING_POLICY, ...policy };
  await inComponent(t, async (ctx) => {
    const identity = { workerId, poolKey: "default", generation: 1, machineName: `default-${workerId}-g1` };
    const place = {
      providerKind: "local" as const,
      appName: "test",
      image: "test",
      credentialHash,
      leaseDurationMs,
      runTimeoutMs,
    };
    const whole = { ...rest, leaseDurationMs, runTimeoutMs };
    await recordSpawn(ctx, { ...identity, ...place, statusReason: "A test wants it." }, whole);
  });
  return { workerId, enrollmentCredential };
}

/** Spawned and enrolled: ready to claim. */
export async function startWorker(t: Harness, options: StartWorkerOptions = {}) {
  const { workerId, enrollmentCredential } = await spawnWorker(t, options);
  const workerToken = randomToken();
  const enrollment = await t.action(
    async (ctx) => await ctx.runMutation(lib.enrollWorker, { workerId, workerToken, enrollmentCredential }),
  );
  return { ...workerWith(t, { workerId, workerToken }), enrollment, enrollmentCredential };
}

export type StartedWorker = Awaited<ReturnType<typeof startWorker>>;

/** The calls of whoever holds these credentials. */
export function workerWith(t: Harness, credentials: { workerId: string; workerToken: string }) {
  const of = ({ messageId, leaseId, generation }: Claimed) => ({ ...credentials, messageId, leaseId, generation });
  const claim = async (conversationId?: string, knownLeaseIds?: string[]): Promise<Claim | null> => {
    const where = {
      ...(conversationId === undefined ? {} : { conversationId }),
      ...(knownLeaseIds === undefined ? {} : { knownLeaseIds }),
    };
    return await t.action(async (ctx) => await ctx.runMutation(lib.claim, { ...credentials, ...where }));
  };
  return {
    credentials,
    workerId: credentials.workerId,
    claim,
    /** For tests in which there is something to claim. */
    mustClaim: async (conversationId?: string): Promise<Claim> => {
      const claimed = await claim(conversationId);
      if (claimed === null) throw new Error("There was nothing to claim.");
      return claimed;
    },
    heartbeat: async () => await t.action(async (ctx) => await ctx.runMutation(lib.heartbeat, credentials)),
    inbox: async (wantsWork = true) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.workerInbox, { ...credentials, wantsWork })),
    hydrate: async (claimed: Claimed) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.getHydrationBundle, of(claimed))),
    stream: async (claimed: Claimed, offset: number, text: string, tools?: ToolCall[]) =>
      await t.action(
        async (ctx) =>
          await ctx.runMutation(lib.appendTurnDelta, {
            ...of(claimed),
            offset,
            text,
            ...(tools === undefined ? {} : { tools }),
          }),
      ),
    append: async (claimed: Claimed, messages: WorkerArgs<"workerAppendConversationMessages">["messages"]) =>
      await t.action(
        async (ctx) => await ctx.runMutation(lib.appendConversationMessages, { ...of(claimed), messages }),
      ),
    complete: async (claimed: Claimed, reply = "ok", ending: Ending = {}) =>
      await t.action(async (ctx) => await ctx.runMutation(lib.complete, { ...of(claimed), reply, ...ending })),
    fail: async (claimed: Claimed, errorMessage = "boom", retryable = true) =>
      await t.action(async (ctx) => await ctx.runMutation(lib.fail, { ...of(claimed), errorMessage, retryable })),
    /** As `fail`, with the kind that decides whether there is another try. */
    failAs: async (claimed: Claimed, errorKind: FailureKind, rest: { retryAfterMs?: number } = {}) =>
      await t.action(
        async (ctx) =>
          await ctx.runMutation(lib.fail, { ...of(claimed), errorMessage: `It was ${errorKind}.`, errorKind, ...rest }),
      ),
    release: async (claimed: Claimed) => await t.action(async (ctx) => await ctx.runMutation(lib.release, of(claimed))),
    hasQueued: async (conversationId: string) =>
      await t.action(
        async (ctx) => await ctx.runQuery(lib.workerConversationHasQueued, { ...credentials, conversationId }),
      ),
    controlState: async () => await t.action(async (ctx) => await ctx.runQuery(lib.getWorkerControlState, credentials)),
    rotate: async (newWorkerToken: string) =>
      await t.action(async (ctx) => await ctx.runMutation(lib.rotateWorkerToken, { ...credentials, newWorkerToken })),
    prepareUpload: async (request: UploadRequest) =>
      await t.action(
        async (ctx) => await ctx.runMutation(lib.prepareDataSnapshotUpload, { ...credentials, ...request }),
      ),
    finalizeUpload: async (upload: Upload) =>
      await t.action(
        async (ctx) => await ctx.runMutation(lib.finalizeDataSnapshotUpload, { ...credentials, ...upload }),
      ),
    failUpload: async (snapshotId: string, error: string) =>
      await t.action(
        async (ctx) => await ctx.runMutation(lib.failDataSnapshotUpload, { ...credentials, snapshotId, error }),
      ),
    latestSnapshot: async (claimed: Claimed) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.getLatestDataSnapshotForRestore, of(claimed))),
    drained: async () => await t.action(async (ctx) => await ctx.runMutation(lib.workerDrained, credentials)),
  };
}
