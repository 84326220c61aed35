/// <reference types="vite/client" />
/** The installed package runs under an app's own tests: the component registers, a function of the app reaches it, and a worker enrolls. */
import { enrollTestWorker, register } from "convex-agent-factory/test";
import { convexTest } from "convex-test";
import { defineSchema, makeFunctionReference } from "convex/server";
import { expect, it } from "vitest";

const modules = import.meta.glob(["./convex/**/*.ts", "!./convex/convex.config.ts"]);

it("answers a query of the app", async () => {
  const t = convexTest({
    schema: defineSchema({}),
    modules: { ...modules, "./convex/_generated/api.ts": async () => ({}) },
  });
  register(t);
  const waiting = makeFunctionReference<"query", Record<string, never>, number>("factory:waiting");
  expect(await t.query(waiting, {})).toBe(0);
  expect((await enrollTestWorker(t)).enrollment.poolKey).toBe("default");
});
