/** Tells a batch when to stop: by what its transaction has used, because rows may be small or large. */
import type { QueryCtx } from "./functions.js";

/**
 * True once half of what one transaction may read, write or schedule is used. A batch that asks before every item, and
 * continues in the next transaction, then never exceeds a limit: no single item comes near the other half.
 */
export async function isHalfSpent(ctx: QueryCtx): Promise<boolean> {
  const metrics = await ctx.meta.getTransactionMetrics();
  const watched = [
    metrics.bytesRead,
    metrics.bytesWritten,
    metrics.documentsRead,
    metrics.documentsWritten,
    metrics.databaseQueries,
    metrics.functionsScheduled,
  ];
  return watched.some(({ used, remaining }) => used >= remaining);
}
