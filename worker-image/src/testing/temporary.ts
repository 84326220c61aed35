/** Temporary folders for tests, gone when the test is over. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** How to be called when a test is over; tests that run side by side hand in their own. */
export type OnTestFinished = (cleanUp: () => Promise<void>) => void;

export async function temporaryDirectory(atEnd: OnTestFinished = onTestFinished): Promise<string> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), "worker-test-"));
  atEnd(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
