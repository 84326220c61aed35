/** Whether a machine whose process ended by itself is booted again, and after what pause. */
import { type MachineConfiguration } from "../model/configuration.js";

/** `max_retries` counts restarts within this window: https://fly.io/docs/machines/guides-examples/machine-restart-policy/ */
const RETRY_WINDOW_MS = 5 * 60_000;
/** The pause doubles up to this factor, so that a crash loop does not eat the machine it is tested on. */
const MAX_BACKOFF_DOUBLINGS = 6;

/** The pause before the next boot in ms, or `undefined` when the machine stays stopped. */
export function restartDelay(input: {
  readonly restart: MachineConfiguration["restart"];
  readonly exitCode: number;
  /** When the earlier restarts of this machine happened. */
  readonly restartedAt: readonly number[];
  readonly now: number;
  readonly firstDelayMs: number;
}): number | undefined {
  const recent = input.restartedAt.filter((at) => at > input.now - RETRY_WINDOW_MS).length;
  const { policy, maxRetries } = input.restart;
  if (policy === "no") return undefined;
  if (policy === "on-failure" && (input.exitCode === 0 || recent >= maxRetries)) return undefined;
  return input.firstDelayMs * 2 ** Math.min(recent, MAX_BACKOFF_DOUBLINGS);
}
