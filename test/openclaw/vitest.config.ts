/** What `npm run test:openclaw` runs: the real OpenClaw, alone and in the whole system, against a model on loopback. */
import { availableParallelism, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Two gateways, the worker and the backend beside them, and what the tests themselves take. */
const BYTES_PER_FILE = 4 * 1024 ** 3;
/** There are four files, and the longest takes as long as the others together. */
const MAX_PARALLEL_FILES = 2;

function parallelFiles(): number {
  const room = Math.min(availableParallelism(), Math.floor(totalmem() / BYTES_PER_FILE), MAX_PARALLEL_FILES);
  return Math.max(1, room);
}

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    name: "openclaw",
    environment: "node",
    include: ["test/openclaw/**/*.test.ts"],
    globalSetup: ["test/openclaw/install.ts"],
    pool: "forks",
    // A gateway takes a core while it starts, and each file has one or two of them.
    maxWorkers: parallelFiles(),
    // A test goes on from where the one before it left the conversation; after a failure the rest would mislead.
    bail: 1,
    // Bounds for a machine that is busy, not expectations: a gateway is ready within 10 to 50 s.
    testTimeout: 4 * 60_000,
    hookTimeout: 4 * 60_000,
    teardownTimeout: 30_000,
  },
});
