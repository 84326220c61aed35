/** Temporary folders for tests, gone when the test is over. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), "worker-test-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
