/** A small project for tests: a package with a component, components nested in it, and an app that installs them. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** Files by path; a change to them is what a test is about. */
export const FIXTURE_FILES: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({
    name: "fixture-kit",
    type: "module",
    exports: {
      ".": { types: "./dist/client/index.d.ts", default: "./dist/client/index.js" },
      "./convex.config.js": { default: "./dist/component/convex.config.js" },
      "./_generated/component.js": { types: "./dist/component/_generated/component.d.ts" },
    },
    dependencies: { convex: "*" },
  }),
  "convex.json": `{ "functions": "example/convex/" }`,
  "src/client/index.ts": `export const greeting: string = "hello";`,
  "src/component/convex.config.ts": `
    import { defineComponent } from "convex/server";
    import { v } from "convex/values";
    import workpool from "@convex-dev/workpool/convex.config.js";
    import inner from "./inner/convex.config.js";
    const component = defineComponent("kit", { env: { KIT_KEY: v.string(), KIT_LEVEL: v.optional(v.string()) } });
    component.use(workpool, { name: "pool" });
    component.use(inner, { env: { INNER_LEVEL: component.env.KIT_LEVEL } });
    export default component;`,
  "src/component/schema.ts": `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ notes: defineTable({ text: v.string() }).index("by_text", ["text"]) });`,
  "src/component/notes/public.ts": `
    import { v } from "convex/values";
    import { env, internalMutation, query } from "../_generated/server.js";
    export const read = query({
      args: { zebra: v.optional(v.number()), apple: v.id("notes") },
      returns: v.union(v.null(), v.object({ text: v.string(), key: v.string() })),
      handler: async (ctx, args) => {
        const note = await ctx.db.get("notes", args.apple);
        return note === null ? null : { text: note.text, key: env.KIT_KEY };
      },
    });
    export const clear = internalMutation({ args: {}, returns: v.null(), handler: () => null });`,
  "src/component/notes/public.test.ts": `throw new Error("A test is not a module of the component.");`,
  "src/component/inner/convex.config.ts": `
    import { defineComponent } from "convex/server";
    import { v } from "convex/values";
    export default defineComponent("inner", { env: { INNER_LEVEL: v.optional(v.string()) } });`,
  "src/component/inner/items.ts": `
    import { v } from "convex/values";
    import { mutation } from "./_generated/server.js";
    export const add = mutation({ args: { name: v.string() }, returns: v.string(), handler: (_ctx, { name }) => name });`,
  "example/convex/convex.config.ts": `
    import { defineApp } from "convex/server";
    import { v } from "convex/values";
    import kit from "fixture-kit/convex.config.js";
    const app = defineApp({ env: { APP_KEY: v.string() } });
    app.use(kit, { env: { KIT_KEY: app.env.APP_KEY, KIT_LEVEL: "info" } });
    app.use(kit, { name: "second", httpPrefix: "/second", env: { KIT_KEY: "literal" } });
    export default app;`,
  "example/convex/auth.config.ts": `export default { providers: [] };`,
  "example/convex/http.ts": `
    import { httpRouter } from "convex/server";
    export default httpRouter();`,
  "example/convex/notes.ts": `
    import { v } from "convex/values";
    import { greeting } from "fixture-kit";
    import { components } from "./_generated/api.js";
    import { query } from "./_generated/server.js";
    export const read = query({
      args: { id: v.string() },
      returns: v.string(),
      handler: async (ctx, { id }): Promise<string> => {
        const note = await ctx.runQuery(components.kit.notes.public.read, { apple: id });
        // @ts-expect-error An argument's name is checked.
        await ctx.runQuery(components.second.notes.public.read, { pear: id });
        return note === null ? greeting : note.text;
      },
    });`,
  "example/convex/types.ts": `interface NotAModule { text: string }`,
};

/**
 * Writes the project into a temporary folder, with the dependencies of this repository.
 *
 * @param changes files to add or replace; null leaves one out.
 */
export async function writeFixtureProject(
  changes: Readonly<Record<string, string | null>> = {},
): Promise<{ directory: string; remove(): Promise<void> }> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "convex-fixture-")));
  for (const [path, content] of Object.entries({ ...FIXTURE_FILES, ...changes })) {
    if (content === null) continue;
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  await symlink(NODE_MODULES, join(directory, "node_modules"), "dir");
  return { directory, remove: () => rm(directory, { recursive: true, force: true, maxRetries: 3 }) };
}
