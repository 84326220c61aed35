/** Gathers all that a turn needs, in one query that writes nothing. */
import { agentFactoryError } from "../../shared/errors.js";
import type { Payload } from "../../shared/payload.js";
import type { HydrationBundle, WorkerArgs } from "../../shared/worker-protocol.js";
import { findAgent } from "../agents/profile.js";
import { HYDRATION_WINDOW_CHARACTERS, HYDRATION_WINDOW_ENTRIES, readWindow } from "../conversations/transcript.js";
import { fitWindow, HYDRATION_WINDOW_TOKENS } from "../conversations/window.js";
import type { QueryCtx } from "../functions.js";
import { requireHeldTurn } from "../queue/held.js";
import { summaryText } from "../queue/summary.js";
import { currentForRestore } from "../snapshots/current.js";
import { requireWorker } from "./authenticate.js";
import { bridgeOfAgent } from "./bridge.js";

/** Everything the turn needs, in one call. @throws `worker_rejected`, `lease_lost`, `agent_not_found`, `secret_unreadable` */
export async function hydrateTurn(ctx: QueryCtx, args: WorkerArgs<"workerHydrationBundle">): Promise<HydrationBundle> {
  await requireWorker(ctx, args);
  const { lease, message } = await requireHeldTurn(ctx, args);
  const agent = await findAgent(ctx, message.agentKey);
  if (agent === null) {
    throw agentFactoryError(
      "agent_not_found",
      `Agent "${message.agentKey}" was removed while its message was running.`,
    );
  }
  const newest = await readWindow(ctx, message.conversationId, {
    entries: HYDRATION_WINDOW_ENTRIES,
    characters: HYDRATION_WINDOW_CHARACTERS,
    before: lease.generation,
  });
  const told =
    message.summary === undefined
      ? []
      : [{ role: "system" as const, content: summaryText(message.summary), at: lease.claimedAt }];
  return {
    messageId: message._id,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    payload: await withDownloadUrls(ctx, message.payload),
    profile: { version: agent.version, displayName: agent.displayName ?? null },
    conversationState: {
      contextHistory: [...fitWindow(newest, HYDRATION_WINDOW_TOKENS), ...told],
      pendingToolCalls: [],
    },
    bridgeRuntimeConfig: await bridgeOfAgent(ctx, agent),
    snapshot: await currentForRestore(ctx, message.conversationId),
  };
}

async function withDownloadUrls(ctx: QueryCtx, payload: Payload): Promise<Payload> {
  if (payload.attachments === undefined) return payload;
  const attachments = [];
  for (const attachment of payload.attachments) {
    const storageId = ctx.db.system.normalizeId("_storage", attachment.storageId);
    const downloadUrl = storageId === null ? null : await ctx.storage.getUrl(storageId);
    attachments.push(
      downloadUrl === null ? { ...attachment, status: "expired" as const } : { ...attachment, downloadUrl },
    );
  }
  return { ...payload, attachments };
}
