/** Where the search for unused files, exports and dependencies (`npm run check:unused`) begins, and what it cannot see. */
import type { KnipConfig } from "knip";

const config: KnipConfig = {
  // An export that its own file uses too may be there for a reader or a test to come; one that nobody uses may not.
  ignoreExportsUsedInFile: true,
  ignore: ["**/_generated/**"],
  compilers: {
    // Generated code mentions every module of the component, which would make everything in them look used.
    ts: (text: string, path: string) =>
      path.includes("/_generated/") ? text.replace(/^import type \* as .*$/gm, "") : text,
    // Style sheets name packages too.
    css: (text: string) => [...text.matchAll(/@import\s+("[^"]+")/g)].map(([, name]) => `import ${name};`).join("\n"),
  },
  workspaces: {
    ".": {
      entry: [
        "bin/agent-factory.js",
        "src/{client,react}/index.ts",
        "src/component/{convex.config,schema,lib,http,crons}.ts",
        "src/component/**/{public,internal*}.ts",
        "dev/*/{main,index}.ts",
        "dev/*/check/main.ts",
        "dev/*/fixtures/**/*.ts",
        "dev/package-check/app/**/*.{ts,js}",
        "example/scripts/*.ts",
        "test/bench/*.ts",
        "test/*/vitest.config.ts",
      ],
      project: [
        "bin/*.js",
        "src/**/*.{ts,tsx}",
        "dev/**/*.{ts,mjs,js}",
        "test/**/*.ts",
        "example/**/*.{ts,tsx,mjs,css}",
        "*.{js,ts}",
      ],
      // `import.meta.glob` in tests takes in whole folders, which says nothing about what in them is used.
      vite: false,
      next: { entry: ["example/next.config.ts", "example/app/**/{page,layout,error,not-found}.tsx"] },
      postcss: { config: ["example/postcss.config.mjs"] },
      ignoreDependencies: [
        // Programs that dev/package-check starts by name.
        "@arethetypeswrong/cli",
        "publint",
        // What @convex-dev/workpool needs when dev/codegen generates its code anew, to compare with what it ships.
        "@convex-dev/batch-worker",
      ],
    },
    "worker-image": {
      entry: ["src/main.ts"],
      project: ["src/**/*.ts", "*.mjs"],
    },
  },
};

export default config;
