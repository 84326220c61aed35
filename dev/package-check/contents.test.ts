/** The check of a package's contents finds what is missing and what does not belong. */
import { describe, expect, it } from "vitest";
import { contentProblems } from "./contents.js";

const good = {
  files: [
    "package.json",
    "bin/agent-factory.js",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "dist/client/index.js",
    "dist/component/_generated/component.d.ts",
    "dist/component/convex.config.js",
    "dist/component/schema.js",
    "src/component/_generated/component.ts",
    "src/test.ts",
  ],
  packedBytes: 100_000,
  manifest: {
    name: "convex-agent-factory",
    exports: { ".": { default: "./dist/client/index.js" }, "./test": "./src/test.ts" },
    dependencies: {},
    peerDependencies: {},
  },
};

describe("contentProblems", () => {
  it("accepts a package that has all it promises", () => {
    expect(contentProblems(good)).toEqual([]);
  });

  it.each(["LICENSE", "dist/component/schema.js", "dist/client/index.js", "src/test.ts"])("misses %s", (path) => {
    expect(contentProblems({ ...good, files: good.files.filter((file) => file !== path) })).toEqual([
      `${path} is missing.`,
    ]);
  });

  it.each([
    "src/component/queue/claim.test.ts",
    "dist/component/queue/claim.test.js",
    "dist/component/queue/claim.test.d.ts",
    "dist/component/queue/claim.test.js.map",
    "src/component/setup.test-kit.ts",
    "dist/.tsbuildinfo",
    "src/component/fixtures/update.json",
    "dev/demo/main.ts",
    "test/e2e/turn.test.ts",
    "example/convex/factory.ts",
    "worker-image/package.json",
    "tsconfig.json",
    "src/.env.local",
  ])("does not want %s", (path) => {
    expect(contentProblems({ ...good, files: [...good.files, path] })).not.toEqual([]);
  });

  it("notices a package that has grown far too large", () => {
    expect(contentProblems({ ...good, packedBytes: 5_000_000 })).toHaveLength(1);
  });
});
