/** What this app's crons call: internal functions, so that no public door stays open for a cron. */
import { factory } from "./factory.js";

export const { startWorkers, checkIdleShutdowns, recoverQueue, runFlyCleanup, runRetention } = factory.internal;
