/** The app's clock for the component: enqueueing already wakes the pool, these catch whatever was lost on the way. */
import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();

// Everything the pool wants is re-derived from its rows, so a lost wake-up costs at most one interval.
crons.interval("reconcile workers", { minutes: 1 }, internal.agentFactoryInternal.startWorkers, {});
crons.interval("check idle workers", { minutes: 1 }, internal.agentFactoryInternal.checkIdleShutdowns, {});
crons.interval("recover queue", { minutes: 1 }, internal.agentFactoryInternal.recoverQueue, {});

// At night (UTC), when few are waiting: machines nobody knows of any more, and rows past their retention. Not on the hour,
// when everybody else's jobs start.
crons.cron("clean up machines", "7 3 * * *", internal.agentFactoryInternal.runFlyCleanup, {});
crons.cron("clean up rows", "37 3 * * *", internal.agentFactoryInternal.runRetention, {});

export default crons;
