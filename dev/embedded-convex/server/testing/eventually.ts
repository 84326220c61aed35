/** Waiting in tests for what happens in its own time. */
import { setTimeout as sleep } from "node:timers/promises";

/** Far above what anything here takes, even on a machine that is busy. */
const LIMIT_MS = 20_000;

/** Repeats a check until it passes; then, or when the time is up, its outcome is the outcome. */
export async function eventually(check: () => void | Promise<void>): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await sleep(10);
  }
}
