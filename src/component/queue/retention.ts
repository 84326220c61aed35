/** How long messages live once they have ended, and what of them goes earlier. */
import type { Payload } from "../../shared/payload.js";
import { isHalfSpent } from "../budget.js";
import { deleteEntriesOfMessage } from "../conversations/transcript.js";
import { deleteUploadsOfMessage } from "../conversations/uploads.js";
import type { MutationCtx } from "../functions.js";

const DAY_MS = 24 * 60 * 60_000;
/** Also how long a delivery's id is remembered, which no provider's redelivery outlives. */
export const FINISHED_MESSAGE_RETENTION_MS = 30 * DAY_MS;
/** Somebody may still want to look at them, or try them again, after a long absence. */
export const DEAD_LETTER_RETENTION_MS = 90 * DAY_MS;
/** What a provider sent, word for word: of use while something is looked into, and personal data after that. */
export const RAW_UPDATE_RETENTION_MS = 7 * DAY_MS;

const RETENTION_MS = [
  ["done", FINISHED_MESSAGE_RETENTION_MS],
  ["canceled", FINISHED_MESSAGE_RETENTION_MS],
  ["dropped", FINISHED_MESSAGE_RETENTION_MS],
  ["dead_letter", DEAD_LETTER_RETENTION_MS],
] as const;

export type Swept = { deleted: number; more: boolean };

/** When the raw update of a message goes; nothing for one without. */
export function rawUpdateUntil(payload: Pick<Payload, "rawUpdateJson">, now: number): { rawUpdateUntil?: number } {
  return payload.rawUpdateJson === undefined ? {} : { rawUpdateUntil: now + RAW_UPDATE_RETENTION_MS };
}

/** Deletes the oldest finished messages with what was said about them and the files that came with them; `more` when some are left. */
export async function deleteFinishedMessages(ctx: MutationCtx, limit: number): Promise<Swept> {
  let deleted = 0;
  for (const [status, retentionMs] of RETENTION_MS) {
    const before = Date.now() - retentionMs;
    const expired = ctx.db
      .query("messages")
      .withIndex("by_status", (range) => range.eq("status", status).gt("finishedAt", 0).lte("finishedAt", before));
    for await (const message of expired) {
      if (deleted === limit || (await isHalfSpent(ctx))) return { deleted, more: true };
      // What is said about one message may fill more than one transaction; the message is then the anchor to come back to.
      if (!(await deleteEntriesOfMessage(ctx, message._id))) return { deleted, more: true };
      const hasFiles = (message.payload.attachments ?? []).length > 0;
      if (hasFiles && !(await deleteUploadsOfMessage(ctx, message._id))) return { deleted, more: true };
      await ctx.db.delete("messages", message._id);
      deleted += 1;
    }
  }
  return { deleted, more: false };
}

/** Removes raw updates whose time has come; the messages stay. */
export async function deleteRawUpdates(ctx: MutationCtx, limit: number): Promise<Swept> {
  const expired = ctx.db
    .query("messages")
    .withIndex("by_raw_update", (range) => range.gt("rawUpdateUntil", 0).lte("rawUpdateUntil", Date.now()));
  let deleted = 0;
  for await (const message of expired) {
    if (deleted === limit || (await isHalfSpent(ctx))) return { deleted, more: true };
    const { rawUpdateJson: _, ...payload } = message.payload;
    await ctx.db.patch("messages", message._id, { payload, rawUpdateUntil: undefined });
    deleted += 1;
  }
  return { deleted, more: false };
}
