/**
 * Workers that end before they enroll: a broken image, a wrong URL, a provider that boots nothing. Pure.
 *
 * Each costs a machine, so the pool asks for the next one later and later, one at a time, and says why.
 */
import { backoffMs, unitFromText, type BackoffPolicy } from "../../../shared/backoff.js";
import type { Problem } from "../problem.js";
import type { PlannedWorker } from "./situation.js";

/** 10 s, 20 s, ... 10 minutes: some six machines in the first five minutes of a broken image, and six an hour after that. */
const BOOT_BACKOFF: BackoffPolicy = { baseMs: 10_000, factor: 2, capMs: 10 * 60_000, jitter: 0.1 };
/** One may be bad luck, two in a row are worth a word. */
const FAILURES_WORTH_A_WORD = 2;

/** Failed boots in a row, as the pool's run row keeps them. */
export type BootFailures = { count: number; lastAt: number };

/** No failures count any more once a worker has enrolled since the last of them, or somebody has changed the pool. */
export function standingFailures(
  failures: BootFailures | undefined,
  { workers, changedAt }: { workers: PlannedWorker[]; changedAt: number },
): BootFailures | null {
  if (failures === undefined || failures.count === 0) return null;
  const { lastAt } = failures;
  // Whoever stores another image, or the same one once more, wants to see it tried.
  if (changedAt > lastAt) return null;
  return workers.some(({ status, statusSince }) => status === "active" && statusSince > lastAt) ? null : failures;
}

/** When the next machine may be asked for. */
export function spawnsHeldUntil({ count, lastAt }: BootFailures): number {
  return lastAt + backoffMs(BOOT_BACKOFF, count, unitFromText(`${count}/${lastAt}`));
}

export function bootProblem(failures: BootFailures | null): Problem | null {
  if (failures === null || failures.count < FAILURES_WORTH_A_WORD) return null;
  return {
    kind: "worker_boot_failed",
    message: `The last ${failures.count} machines ended before their worker had enrolled, so new ones are started ever less often. Look at a machine's log, and check the image and its environment in setProviderRuntimeConfig.`,
  };
}
