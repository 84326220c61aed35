/**
 * Lets calls that count for a provider's app as a whole through at its rate, whoever makes them and in however many runs; the only
 * writer of `callRates`. A scheduled reconcile's first list needs no leave: its place in time is its leave.
 */
import { internal } from "../_generated/api.js";
import type { ActionCtx, MutationCtx } from "../functions.js";
import { sharedRate, takeToken } from "../providers/fly/rates.js";
import { ProviderError } from "../providers/provider.js";

/** Longer than twenty creates at one a second take, and shorter than a run has for its steps. */
const PATIENCE_MS = 30_000;

type Reservation = { home: string; action: string; patienceMs: number };

/** ms to wait before the call may be made, or `null`, and nothing reserved, when that is longer than `patienceMs`. */
export async function reserve(ctx: MutationCtx, { home, action, patienceMs }: Reservation): Promise<number | null> {
  const row = await ctx.db
    .query("callRates")
    .withIndex("by_call", (range) => range.eq("home", home).eq("action", action))
    .unique();
  const { fullAt, waitMs } = takeToken(row?.fullAt, sharedRate(action), Date.now());
  if (waitMs > patienceMs) return null;
  if (row === null) await ctx.db.insert("callRates", { home, action, fullAt });
  else await ctx.db.patch("callRates", row._id, { fullAt });
  return waitMs;
}

/** For actions: as {@link reserve}, in a transaction of its own. */
export async function askForLeave(ctx: ActionCtx, reservation: Reservation): Promise<number | null> {
  const waitMs: number | null = await ctx.runMutation(internal.pool.internalProvider.reserveCall, reservation);
  return waitMs;
}

/** ms to wait before the call. @throws ProviderError `busy` when too many wait already */
export async function requireLeave(ctx: ActionCtx, call: Pick<Reservation, "home" | "action">): Promise<number> {
  const waitMs = await askForLeave(ctx, { ...call, patienceMs: PATIENCE_MS });
  if (waitMs !== null) return waitMs;
  const message = `Too many calls to the provider wait for their turn (${call.action}). Try again in a minute.`;
  throw new ProviderError("busy", message, { status: 0, requestId: null });
}
