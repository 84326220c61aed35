/** Checks that a worker still holds the message it acts upon; every call about a running turn starts here. */
import { agentFactoryError } from "../../shared/errors.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { findHolder, isLeaseAlive } from "./liveness.js";

/** What a worker shows to act on a claimed message. */
export type LeaseClaim = { workerId: string; messageId: string; leaseId: string; generation: number };

export type HeldTurn = { lease: Doc<"leases">; message: Doc<"messages"> };

/** @returns null when the lease does not exist, is not this worker's, or is dead. */
export async function findHeldTurn(ctx: QueryCtx, claim: LeaseClaim): Promise<HeldTurn | null> {
  const leaseId = ctx.db.normalizeId("leases", claim.leaseId);
  const lease = leaseId === null ? null : await ctx.db.get("leases", leaseId);
  if (
    lease === null ||
    lease.workerId !== claim.workerId ||
    lease.messageId !== claim.messageId ||
    lease.generation !== claim.generation ||
    !isLeaseAlive(lease, await findHolder(ctx, claim.workerId), Date.now())
  ) {
    return null;
  }
  const message = await ctx.db.get("messages", lease.messageId);
  return message === null ? null : { lease, message };
}

/** @throws `lease_lost` */
export async function requireHeldTurn(ctx: QueryCtx, claim: LeaseClaim): Promise<HeldTurn> {
  const held = await findHeldTurn(ctx, claim);
  if (held === null) throw leaseLost();
  return held;
}

export function leaseLost() {
  return agentFactoryError(
    "lease_lost",
    "This worker no longer holds the message: its lease expired, was canceled or went to another worker. Discard the turn.",
  );
}
