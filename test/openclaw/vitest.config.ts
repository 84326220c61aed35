/** What `npm run test:openclaw` runs: the real OpenClaw, alone and in the whole system, against a model on loopback. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    name: "openclaw",
    environment: "node",
    include: ["test/openclaw/**/*.test.ts"],
    globalSetup: ["test/openclaw/install.ts"],
    pool: "forks",
    // A gateway takes a core and a gigabyte while it starts: one at a time.
    fileParallelism: false,
    // A test goes on from where the one before it left the conversation; after a failure the rest would mislead.
    bail: 1,
    // Bounds for a machine that is busy, not expectations: a gateway is ready within 10 to 50 s.
    testTimeout: 4 * 60_000,
    hookTimeout: 4 * 60_000,
    teardownTimeout: 30_000,
  },
});
