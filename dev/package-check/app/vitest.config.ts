/** How convex-test's documentation tells an app to run its tests, with the component within this one as our README says. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "edge-runtime",
    include: ["*.spec.ts"],
    server: { deps: { inline: ["convex-test", "@convex-dev/batch-worker"] } },
  },
});
