/** Gives back what a process before this one was running when it died: otherwise it would wait for its run deadline. */
import type { WorkerSession } from "../backend/session.js";
import { errorMessage, type Logger } from "../logger.js";
import { monotonicMs } from "../timing.js";
import { isLeaseLost } from "../turn-failure.js";
import type { LeaseJournal } from "./lease-journal.js";

/** After this long without a backend, the leases have expired anyway. */
const GIVE_UP_MS = 120_000;

/**
 * A death counts as an attempt, so a message that kills its worker does not do so for ever. Never throws.
 *
 * @returns the leases that the backend may still count as this worker's: nobody here goes on with them
 */
export async function failLeftovers(
  session: WorkerSession,
  journal: LeaseJournal,
  logger: Logger,
  signal: AbortSignal,
): Promise<string[]> {
  const unanswered: string[] = [];
  try {
    for (const lease of await journal.leftovers()) {
      const errorMessage = "The worker was restarted while it ran this turn.";
      await session
        .mutate(
          "workerFail",
          (credentials) => ({ ...credentials, ...lease, errorMessage, errorKind: "worker_lost" as const }),
          {
            signal,
            giveUpAtMs: monotonicMs() + GIVE_UP_MS,
          },
        )
        .then(
          () => logger.info({ messageId: lease.messageId }, "Gave back a turn that a crash had interrupted."),
          (error: unknown) => {
            if (!isLeaseLost(error)) unanswered.push(lease.leaseId);
          },
        );
      if (!signal.aborted) await journal.remove(lease.leaseId);
    }
  } catch (error) {
    logger.warn({ reason: errorMessage(error) }, "The leases of an earlier process could not be read.");
  }
  return unanswered;
}
