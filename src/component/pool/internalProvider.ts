/** Registered functions about calls to the provider that are made beside the reconcile, or that every call has to ask first. */
import { v } from "convex/values";
import { vNullableNumber } from "../../shared/views.js";
import { DEFAULT_POOL_KEY } from "../agents/profile.js";
import { internalAction, internalMutation } from "../functions.js";
import { reserve } from "./callRates.js";
import { beginProbe as begin, noteChange } from "./probe.js";
import { recordWakeUps as record, wakeSleepers } from "./wake.js";

const vWakeUp = v.object({ workerId: v.string(), conversationIds: v.array(v.string()), reason: v.string() });

export const recordWakeUps = internalMutation({
  args: { poolKey: v.string(), wanted: v.array(vWakeUp) },
  returns: v.array(
    v.object({ kind: v.literal("resume"), workerId: v.string(), machineId: v.string(), home: v.string() }),
  ),
  handler: async (ctx, { poolKey, wanted }) => await record(ctx, poolKey, wanted),
});

export const wake = internalAction({
  args: { poolKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { poolKey }) => {
    await wakeSleepers(ctx, poolKey);
    return null;
  },
});

/** ms to wait before the call, `null` when that is too long. */
export const reserveCall = internalMutation({
  args: { home: v.string(), action: v.string(), patienceMs: v.number() },
  returns: vNullableNumber,
  handler: async (ctx, reservation) => await reserve(ctx, reservation),
});

/** True for the one run that may ask a provider which has been left alone. */
export const beginProbe = internalMutation({
  args: { poolKey: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { poolKey }) => await begin(ctx, poolKey),
});

/** Called when another token for the provider has been stored. */
export const tokenChanged = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    await noteChange(ctx, DEFAULT_POOL_KEY);
    return null;
  },
});
