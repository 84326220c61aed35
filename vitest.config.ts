/**
 * What `npm test` runs: every test that needs neither a browser nor OpenClaw, each in the runtime its code is made for.
 *
 * - `component`: what runs inside Convex, in an edge runtime, so that nothing of Node can slip in.
 * - `node`: pure code, the worker image, the development tools and the smaller tests across rooms.
 * - `system`: tests that start backends, emulators and workers. They run last and one file at a time, because two
 *   systems on one small machine would measure each other.
 */
import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

const sourceFile = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests see the sources where an app sees the build, so that a stale `dist` can never decide a test. */
const packageSources = [
  { find: /^convex-agent-factory$/, replacement: sourceFile("src/client/index.ts") },
  { find: /^convex-agent-factory\/react$/, replacement: sourceFile("src/react/index.ts") },
  { find: /^convex-agent-factory\/test$/, replacement: sourceFile("src/test.ts") },
  { find: /^convex-agent-factory\/convex\.config(\.js)?$/, replacement: sourceFile("src/component/convex.config.ts") },
];

const systemTests = ["test/e2e/**/*.test.ts", "test/faults/**/*.test.ts"];
const neverTests = ["**/node_modules/**", "**/dist/**", "**/.next/**"];

/** A project of tests; convex-test and the component within ours are inlined because `import.meta.glob` exists only in what Vite has transformed. */
function project(test: NonNullable<TestProjectInlineConfiguration["test"]>): TestProjectInlineConfiguration {
  return {
    extends: true,
    resolve: { alias: packageSources },
    test: { exclude: neverTests, server: { deps: { inline: ["convex-test", "@convex-dev/batch-worker"] } }, ...test },
  };
}

export default defineConfig({
  test: {
    // Two workers are what the smallest machine that runs these tests has cores for.
    maxWorkers: 2,
    // Processes, not threads: a test may start, freeze and kill processes of its own, and one that hangs can be killed too.
    pool: "forks",
    // Bounds for a machine that is busy, not expectations: nearly every test ends within milliseconds.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    projects: [
      project({
        name: "component",
        environment: "edge-runtime",
        include: ["src/component/**/*.test.ts", "src/client/**/*.test.ts", "example/convex/**/*.test.ts"],
      }),
      project({
        name: "node",
        include: [
          "src/shared/**/*.test.ts",
          "src/react/**/*.test.{ts,tsx}",
          "worker-image/**/*.test.ts",
          "dev/**/*.test.ts",
          "test/**/*.test.ts",
          "example/lib/**/*.test.ts",
        ],
        exclude: [...neverTests, ...systemTests, "test/browser/**", "test/openclaw/**"],
      }),
      project({
        name: "system",
        include: systemTests,
        testTimeout: 120_000,
        hookTimeout: 120_000,
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      }),
    ],
  },
});
