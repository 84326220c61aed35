/** Proves that the other house rules bite where they should, and only there. */
import { describe, expect, it } from "vitest";
import { lintSnippet, lintTypedSnippet } from "./linter.js";

const registered = (handler: string) => `import { query } from "../_generated/server.js";
import { v } from "convex/values";
export const read = query({ args: {}, returns: v.any(), handler: async (ctx) => ${handler} });
`;

describe("house rules", () => {
  it.each([
    [
      "weak randomness in the component",
      "src/component/secrets/mint.ts",
      "export const id = Math.random();\n",
      "no-restricted-properties",
    ],
    [
      "weak randomness in shared code",
      "src/shared/backoff.ts",
      "export const id = Math.random();\n",
      "no-restricted-properties",
    ],
    [
      "a clock in shared code",
      "src/shared/backoff.ts",
      "export const now = () => Date.now();\n",
      "no-restricted-properties",
    ],
    [
      "a date of now in shared code",
      "src/shared/backoff.ts",
      "export const now = () => new Date();\n",
      "no-restricted-syntax",
    ],
    [
      "network in shared code",
      "src/shared/backoff.ts",
      `export const page = () => fetch("https://example.com");\n`,
      "no-restricted-globals",
    ],
    [
      "the Node runtime in the component",
      "src/component/queue/claim.ts",
      `"use node";\nexport const a = 1;\n`,
      "no-restricted-syntax",
    ],
    ["console in the component", "src/component/queue/claim.ts", `console.log("claimed");\n`, "no-console"],
    ["console in the worker", "worker-image/src/turn.ts", `console.log("turn");\n`, "no-console"],
    ["any", "src/client/expose.ts", "export const f = (x: any) => x;\n", "@typescript-eslint/no-explicit-any"],
    [
      "a silenced compiler",
      "src/client/expose.ts",
      "// @ts-ignore\nexport const f = 1;\n",
      "@typescript-eslint/ban-ts-comment",
    ],
    ["loose equality", "src/client/expose.ts", "export const f = (x: unknown) => x == 1;\n", "eqeqeq"],
    [
      "process.env in the component",
      "src/component/pool/plan/plan.ts",
      "export const f = () => process.env.KEY;\n",
      "no-restricted-globals",
    ],
    [
      "an unbounded read",
      "src/component/queue/public.ts",
      registered(`ctx.db.query("lanes").collect()`),
      "@convex-dev/no-collect-in-query",
    ],
    [
      "a filter instead of an index",
      "src/component/queue/public.ts",
      registered(`ctx.db.query("lanes").filter((q) => q.eq(1, 1)).take(1)`),
      "@convex-dev/no-filter-in-query",
    ],
    [
      "a function without validators",
      "example/convex/messages.ts",
      `import { query } from "./_generated/server";\nexport const f = query({ handler: async () => null });\n`,
      "@convex-dev/require-args-validator",
    ],
    ["a file that has grown too long", "src/component/queue/claim.ts", "export {};\n".repeat(301), "max-lines"],
  ])("refuse %s", async (_what, file, code, rule) => {
    expect(await lintSnippet(file, code)).toContain(rule);
  });

  it.each([
    ["the time in a query", "src/component/queue/claim.ts", "export const now = () => Date.now();\n"],
    ["console where log lines are written", "src/component/logging.ts", `console.log("{}");\n`],
    ["console in a development tool", "dev/demo/main.ts", `console.log("http://127.0.0.1");\n`],
    ["jitter in the worker", "worker-image/src/backoff.ts", "export const jitter = () => Math.random();\n"],
    ["a bounded read", "src/component/queue/public.ts", registered(`ctx.db.query("lanes").take(10)`)],
  ])("allow %s", async (_what, file, code) => {
    expect(await lintSnippet(file, code)).toEqual([]);
  });

  it("refuse what only the type checker sees: a forgotten promise, and a type that is claimed", async () => {
    const code = `const work = async () => 1;
export const f = () => {
  work();
};
export const g = (x: unknown) => x as string;
`;
    expect(await lintTypedSnippet("src/shared/errors.ts", code)).toEqual([
      "@typescript-eslint/no-floating-promises",
      "@typescript-eslint/no-unsafe-type-assertion",
    ]);
  });
});
