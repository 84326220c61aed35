/** What an app's crons call, as internal functions: no public door has to stay open for a cron. */
import { internalActionGeneric, internalMutationGeneric } from "convex/server";
import type { ComponentApi } from "../component/_generated/component.js";
import {
  vCleanupReport,
  vIdleShutdownReport,
  vReconcileReport,
  vRecoveryReport,
  vRetentionReport,
} from "../shared/reports.js";

export function cronApi({ lib }: ComponentApi) {
  return {
    /** Every minute or so: the fallback for a lost wake-up. */
    startWorkers: internalActionGeneric({
      args: {},
      returns: vReconcileReport,
      handler: async (ctx) => await ctx.runAction(lib.reconcileWorkers, {}),
    }),
    checkIdleShutdowns: internalActionGeneric({
      args: {},
      returns: vIdleShutdownReport,
      handler: async (ctx) => await ctx.runAction(lib.checkIdleShutdowns, {}),
    }),
    recoverQueue: internalMutationGeneric({
      args: {},
      returns: vRecoveryReport,
      handler: async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}),
    }),
    /** Nightly: machines that cost money and serve nobody. */
    runFlyCleanup: internalActionGeneric({
      args: {},
      returns: vCleanupReport,
      handler: async (ctx) => await ctx.runAction(lib.runFlyCleanup, {}),
    }),
    /** Nightly: rows and files that have outlived their retention. */
    runRetention: internalMutationGeneric({
      args: {},
      returns: vRetentionReport,
      handler: async (ctx) => await ctx.runMutation(lib.runRetention, {}),
    }),
  };
}
