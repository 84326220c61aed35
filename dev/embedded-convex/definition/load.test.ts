/** What is loaded of an app's definition, and what is said about one that cannot be. */
import { realpath } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { ComponentInstance } from "../definition.js";
import { FIXTURE_FILES, writeFixtureProject } from "./fixture-project.js";
import { loadAppDefinition } from "./load.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function project(changes: Readonly<Record<string, string | null>> = {}): Promise<string> {
  const { directory, remove } = await writeFixtureProject(changes);
  cleanups.push(remove);
  return directory;
}

function allInstances(root: ComponentInstance): ComponentInstance[] {
  return [root, ...root.children.flatMap(allInstances)];
}

const APP_CONFIG = "example/convex/convex.config.ts";
const appConfigWith = (from: string, to: string) => ({
  [APP_CONFIG]: FIXTURE_FILES[APP_CONFIG]?.replace(from, to) ?? "",
});

describe("loadAppDefinition", () => {
  it("finds every instance, at any depth, in sources and in installed packages", async () => {
    const directory = await project();
    const { root } = await loadAppDefinition(directory);
    const packages = await realpath(join(directory, "node_modules", "@convex-dev"));
    // Where npm puts a dependency of a dependency is npm's business.
    const batchWorker = createRequire(join(packages, "workpool/package.json")).resolve(
      "@convex-dev/batch-worker/convex.config.js",
    );
    const kit = {
      "kit/inner": join(directory, "src/component/inner"),
      "kit/pool": join(packages, "workpool/dist/component"),
      "kit/pool/batchWorker": dirname(batchWorker),
      kit: join(directory, "src/component"),
    };
    const second = Object.entries(kit).map(([path, folder]) => [path.replace("kit", "second"), folder]);
    expect(Object.fromEntries(allInstances(root).map(({ path, directory }) => [path, directory]))).toEqual({
      "": join(directory, "example/convex"),
      ...kit,
      ...Object.fromEntries(second),
    });
  });

  it("tells an instance's environment, by value and by reference, and its HTTP prefix", async () => {
    const { root } = await loadAppDefinition(await project());
    const [kit, second] = root.children;
    expect(root.declaredEnv).toEqual({ APP_KEY: { optional: false } });
    expect(kit?.declaredEnv).toEqual({ KIT_KEY: { optional: false }, KIT_LEVEL: { optional: true } });
    expect(kit?.envBindings).toEqual({
      KIT_KEY: { kind: "reference", parentName: "APP_KEY" },
      KIT_LEVEL: { kind: "value", value: "info" },
    });
    expect(second?.envBindings).toEqual({ KIT_KEY: { kind: "value", value: "literal" } });
    expect([kit?.httpPrefix, second?.httpPrefix]).toEqual([null, "/second/"]);
    const inner = kit?.children.find(({ path }) => path === "kit/inner");
    expect(inner?.envBindings).toEqual({ INNER_LEVEL: { kind: "reference", parentName: "KIT_LEVEL" } });
    const batchWorker = allInstances(root).find(({ path }) => path === "kit/pool/batchWorker");
    expect(batchWorker?.envBindings).toEqual({ LOG_LEVEL: { kind: "value", value: "REPORT" } });
  });

  it("lists modules, and neither tests, configs, schema, nested components nor files that export nothing", async () => {
    const directory = await project({
      "example/convex/_generated/api.js": "export const api = {};",
      "example/convex/deep/er.tsx": "export const x = 1;",
      "example/convex/with space.ts": "export const x = 1;",
      "example/convex/.hidden.ts": "export const x = 1;",
    });
    const { root, authConfigFile } = await loadAppDefinition(directory);
    const app = join(directory, "example/convex");
    expect(root.modules).toEqual({
      "deep/er": join(app, "deep/er.tsx"),
      http: join(app, "http.ts"),
      notes: join(app, "notes.ts"),
    });
    expect(root.schemaFile).toBeNull();
    expect(authConfigFile).toBe(join(app, "auth.config.ts"));
    const kit = root.children[0];
    expect(Object.keys(kit?.modules ?? {})).toEqual(["notes/public"]);
    expect(kit?.schemaFile).toBe(join(directory, "src/component/schema.ts"));
    const batchWorker = allInstances(root).find(({ path }) => path === "kit/pool/batchWorker");
    expect(Object.keys(batchWorker?.modules ?? {})).toContain("lib");
    expect(batchWorker?.schemaFile).toMatch(/schema\.js$/);
  });

  it("takes an installed package's build, even if that package brings its sources along", async () => {
    const { root } = await loadAppDefinition(await project());
    const pool = allInstances(root).find(({ path }) => path === "kit/pool");
    expect(dirname(pool?.schemaFile ?? "")).toMatch(/workpool\/dist\/component$/);
  });

  it("loads an app that installs nothing", async () => {
    const directory = await project({ [APP_CONFIG]: null, "example/convex/auth.config.ts": null });
    const { root, authConfigFile } = await loadAppDefinition(directory);
    expect(root.children).toEqual([]);
    expect(root.declaredEnv).toBeNull();
    expect(authConfigFile).toBeNull();
  });

  it("loads this repository's example", async () => {
    const directory = fileURLToPath(new URL("../../..", import.meta.url));
    const { root } = await loadAppDefinition(directory);
    const factory = root.children.find(({ path }) => path === "agentFactory");
    expect(factory?.directory).toBe(join(directory, "src/component"));
    expect(factory?.schemaFile).not.toBeNull();
    expect(Object.keys(factory?.declaredEnv ?? {})).toContain("AGENT_FACTORY_ENCRYPTION_KEY");
  });
});

describe("a definition that does not fit", () => {
  it.each([
    [
      "a variable that the child does not declare",
      `KIT_LEVEL: "info"`,
      `KIT_LEVLE: "info"`,
      /passes KIT_LEVLE to "kit"/,
    ],
    [
      "a required variable that is not passed",
      `KIT_KEY: app.env.APP_KEY,`,
      "",
      /must pass the env variable KIT_KEY to "kit"/,
    ],
    ["a reference to an undeclared variable", "app.env.APP_KEY", "app.env.OTHER_KEY", /"OTHER_KEY" is not declared/],
    ["two instances of one name", `name: "second"`, `name: "kit"`, /two components as "kit"/],
    ["no default export", "export default app;", "", /must export by default/],
    ["a child that is not there", "fixture-kit/", "no-such-kit/", /Could not resolve "no-such-kit/],
    ["Node's modules", `import { v }`, `import "node:fs"; import { v }`, /Could not resolve "node:fs"/],
  ])("is refused: %s", async (_title, from, to, message) => {
    await expect(loadAppDefinition(await project(appConfigWith(from, to)))).rejects.toThrow(message);
  });

  it("is refused if two files are one module", async () => {
    const directory = await project({ "src/component/notes/public.js": "export const x = 1;" });
    await expect(loadAppDefinition(directory)).rejects.toThrow(/same module for Convex/);
  });

  it("is refused if the app's folder does not exist", async () => {
    await expect(loadAppDefinition(await project({ "convex.json": "{}" }))).rejects.toThrow(
      /There is no folder .*convex/,
    );
  });
});
