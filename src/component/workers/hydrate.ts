/** Gathers all that a turn needs, in one query that writes nothing. */
import { agentFactoryError } from "../../shared/errors.js";
import type { Attachment, Payload, TranscriptEntry } from "../../shared/payload.js";
import { DEFAULT_RELEASE_CHANNEL } from "../../shared/skills.js";
import type { HydrationBundle, WorkerArgs } from "../../shared/worker-protocol.js";
import type { Doc } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import { hydratedProfile } from "../agents/runtimeProfile.js";
import { HYDRATION_WINDOW_CHARACTERS, HYDRATION_WINDOW_ENTRIES, readWindow } from "../conversations/transcript.js";
import { fitWindow, HYDRATION_WINDOW_TOKENS } from "../conversations/window.js";
import { hexOfStoredDigest } from "../digest.js";
import type { QueryCtx } from "../functions.js";
import { requireHeldTurn } from "../queue/held.js";
import { summaryText } from "../queue/summary.js";
import { findSecret } from "../secrets/read.js";
import { manifestPointer } from "../skills/manifest.js";
import { currentForRestore } from "../snapshots/current.js";
import { requireWorker } from "./authenticate.js";
import { bridgeOfAgent } from "./bridge.js";

/** Everything the turn needs, in one call. @throws `worker_rejected`, `lease_lost`, `agent_not_found`, `secret_missing`, `secret_unreadable` */
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
    profile: hydratedProfile(agent),
    environment: await environmentOf(ctx, agent),
    conversationState: {
      contextHistory: [...fitWindow(newest.map(withFileNames), HYDRATION_WINDOW_TOKENS), ...told],
      pendingToolCalls: [],
    },
    bridgeRuntimeConfig: await bridgeOfAgent(ctx, agent),
    skills: await manifestPointer(ctx, agent.skillsChannel ?? DEFAULT_RELEASE_CHANNEL),
    snapshot: await currentForRestore(ctx, message.conversationId),
  };
}

async function withDownloadUrls(ctx: QueryCtx, payload: Payload): Promise<Payload> {
  if (payload.attachments === undefined) return payload;
  const attachments: Attachment[] = [];
  for (const attachment of payload.attachments) {
    const storageId = ctx.db.system.normalizeId("_storage", attachment.storageId);
    const file = storageId === null ? null : await ctx.db.system.get("_storage", storageId);
    const downloadUrl = file === null ? null : await ctx.storage.getUrl(file._id);
    if (file === null || downloadUrl === null) {
      attachments.push({ ...attachment, status: "expired" });
      continue;
    }
    // What storage knows about the file is true, whatever the sender said.
    const known = { sizeBytes: file.size, sha256: hexOfStoredDigest(file.sha256) };
    attachments.push({ ...attachment, ...known, downloadUrl });
  }
  return { ...payload, attachments };
}

/** An agent sees what was said; of files that came with it, as of those it handed over itself, it sees the names. */
function withFileNames(entry: TranscriptEntry): TranscriptEntry {
  if (entry.attachments === undefined) return entry;
  const names = entry.attachments.map(({ fileName, kind }) => `[File: ${fileName ?? kind}]`);
  return { ...entry, content: [entry.content, ...names].filter((line) => line.trim() !== "").join("\n") };
}

/** The values of the agent's variables, each of a secret that its profile allows it. */
async function environmentOf(ctx: QueryCtx, agent: Doc<"agents">): Promise<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const [name, secretRef] of Object.entries(agent.environment ?? {})) {
    const value = agent.secretsRef.includes(secretRef) ? await findSecret(ctx, secretRef) : null;
    if (value === null) {
      throw agentFactoryError(
        "secret_missing",
        `Agent "${agent.agentKey}" needs the secret "${secretRef}" for ${name}, which is not stored. Store it with importSecret.`,
      );
    }
    environment[name] = value;
  }
  return environment;
}
