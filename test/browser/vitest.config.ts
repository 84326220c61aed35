/** What `npm run test:browser` runs: the example's pages in a real Chromium, against the whole system on this machine. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    name: "browser",
    environment: "node",
    include: ["test/browser/**/*.test.ts"],
    pool: "forks",
    // Files share one machine with a browser, a backend and workers: one at a time.
    fileParallelism: false,
    // A test goes on from where the one before it left the conversation; after a failure the rest would mislead.
    bail: 1,
    // Bounds for a machine that is busy, not expectations. The first hook builds the pages.
    testTimeout: 120_000,
    hookTimeout: 8 * 60_000,
    teardownTimeout: 30_000,
  },
});
