/** Generates code for a small project and for a published component, with the stock CLI and without a deployment. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FIXTURE_FILES, writeFixtureProject } from "../embedded-convex/definition/fixture-project.js";
import { codegenCommand } from "./command.js";
import { generate } from "./generate.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));

const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function emptyFolder(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "convex-codegen-test-")));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function project(changes: Readonly<Record<string, string | null>> = {}): Promise<string> {
  const { directory, remove } = await writeFixtureProject(changes);
  cleanups.push(remove);
  return directory;
}

/** Runs the command and returns its exit code and what it said. */
async function codegen(directory: string, ...args: string[]): Promise<{ code: number; said: string }> {
  const lines: string[] = [];
  const output = { info: (line: string) => void lines.push(line), error: (line: string) => void lines.push(line) };
  return { code: await codegenCommand(directory, args, output), said: lines.join("\n") };
}

async function allFiles(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files: Record<string, string> = {};
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const file = join(entry.parentPath, entry.name);
    files[file] = await readFile(file, "utf8");
  }
  return files;
}

const GENERATED = [
  ...["api.d.ts", "api.js", "dataModel.d.ts", "server.d.ts", "server.js"].map(
    (name) => `example/convex/_generated/${name}`,
  ),
  ...["api.ts", "component.ts", "dataModel.ts", "server.ts"].map((name) => `src/component/_generated/${name}`),
  ...["api.ts", "component.ts", "dataModel.ts", "server.ts"].map((name) => `src/component/inner/_generated/${name}`),
];

describe("npm run codegen", () => {
  let directory: string;
  beforeAll(async () => {
    const [home, temporary] = [await emptyFolder(), await emptyFolder()];
    const fixture = await writeFixtureProject();
    cleanups.push(fixture.remove);
    directory = fixture.directory;
    vi.stubEnv("HOME", home);
    vi.stubEnv("TMPDIR", temporary);
    try {
      const { code, said } = await codegen(directory);
      expect(code, said).toBe(0);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(await readdir(home)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it("writes code for components, nested ones and the app, and nothing else", async () => {
    const paths = Object.keys(await allFiles(directory)).map((file) => file.slice(directory.length + 1));
    expect(paths.sort()).toEqual([...GENERATED, ...Object.keys(FIXTURE_FILES)].sort());
  });

  it("types functions, env variables and children", async () => {
    const read = (path: string) => readFile(join(directory, path), "utf8");
    const component = await read("src/component/_generated/component.ts");
    expect(component).toContain("ComponentApi<Name extends string | undefined");
    // The order of the fields is the one in which a deployment describes them.
    expect(component).toContain("{ apple: string; zebra?: number }");
    expect(component).toContain("null | { key: string; text: string }");
    expect(component).not.toContain("clear");
    const server = await read("src/component/_generated/server.ts");
    expect(server).toMatch(/readonly KIT_KEY: string;\s+readonly KIT_LEVEL: string \| undefined/);
    const componentApi = await read("src/component/_generated/api.ts");
    expect(componentApi).toContain(`pool: import("@convex-dev/workpool/_generated/component.js").ComponentApi<"pool">`);
    expect(componentApi).toMatch(/inner: import\(".*\/inner\/_generated\/component\.js"\)\.ComponentApi<"inner">/);
    const appApi = await read("example/convex/_generated/api.d.ts");
    expect(appApi).toContain(`second: import("fixture-kit/_generated/component.js").ComponentApi<"second">`);
  });

  it("writes code against which the project compiles", () => {
    compile(directory);
  });

  it("changes nothing the second time", async () => {
    const before = await allFiles(directory);
    expect((await codegen(directory)).said).toMatch(/^13 generated files are up to date/);
    expect(await allFiles(directory)).toEqual(before);
  });
});

describe("npm run codegen, when something is wrong", () => {
  /** Without nested components, one run of the CLI generates for the component and one for the app. */
  const flat = {
    "src/component/convex.config.ts": `
      import { defineComponent } from "convex/server";
      export default defineComponent("kit");`,
    "src/component/inner/convex.config.ts": null,
    "src/component/inner/items.ts": null,
    "src/component/notes/public.ts": null,
    "example/convex/notes.ts": null,
    "example/convex/convex.config.ts": `
      import { defineApp } from "convex/server";
      import kit from "fixture-kit/convex.config.js";
      const app = defineApp();
      app.use(kit);
      export default app;`,
  };

  it("with --check, reports what is missing or left over, and touches nothing", async () => {
    const directory = await project({ ...flat, "src/component/_generated/removed.ts": "" });
    const before = await allFiles(directory);
    const { code, said } = await codegen(directory, "--check");
    expect(code).toBe(1);
    expect(said).toMatch(/^Generated code is out of date:\n {2}create example\/convex\/_generated\/api\.d\.ts\n/);
    expect(said).toContain("\n  delete src/component/_generated/removed.ts\n");
    expect(said).toMatch(/Run `npm run codegen` and commit the result\.$/);
    expect(await allFiles(directory)).toEqual(before);
  });

  it("changes nothing if a component cannot be evaluated, and says which module it was", async () => {
    const directory = await project({ ...flat, "src/component/broken.ts": `export const x = Buffer.from("x");` });
    const before = await allFiles(directory);
    const { code, said } = await codegen(directory);
    expect(code).toBe(1);
    expect(said).toContain("In component ../../src/component: Evaluating broken.js failed: Buffer is not defined");
    expect(await allFiles(directory)).toEqual(before);
  });

  it("generates for the components even if the app does not bundle", async () => {
    const directory = await project({
      ...flat,
      "example/convex/broken.ts": `import "node:crypto"; export const x = 1;`,
    });
    const { code, said } = await codegen(directory);
    expect(code).toBe(1);
    expect(said).toMatch(/create src\/component\/_generated\/api\.ts/);
    expect(said).toMatch(/failed for the app, not for its components[^]*Could not resolve "node:crypto"/);
    expect(existsSync(join(directory, "src/component/_generated/component.ts"))).toBe(true);
    expect(existsSync(join(directory, "example/convex/_generated"))).toBe(false);
  });

  it("stops, changes nothing and leaves nothing behind when it is interrupted", async () => {
    const directory = await project(flat);
    const [before, temporary] = [await allFiles(directory), await emptyFolder()];
    vi.stubEnv("TMPDIR", temporary);
    try {
      await expect(generate(directory, AbortSignal.timeout(300))).rejects.toThrow(/aborted/);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(await readdir(temporary)).toEqual([]);
    expect(await allFiles(directory)).toEqual(before);
  });

  it("refuses options that it does not know", async () => {
    const { code, said } = await codegen(await project(flat), "--chekc");
    expect(code).toBe(1);
    expect(said).toContain("--chekc");
  });
});

describe("what is generated", () => {
  it("is what a deployment generates: the same as a published component's authors committed", async () => {
    const directory = await emptyFolder();
    const published = join(repository, "node_modules/@convex-dev/workpool");
    await cp(join(published, "src"), join(directory, "src"), { recursive: true });
    await cp(join(published, "package.json"), join(directory, "package.json"));
    await symlink(join(repository, "node_modules"), join(directory, "node_modules"), "dir");
    const { files, folders, appFailure } = await generate(directory);
    expect({ folders, appFailure }).toEqual({ folders: ["src/component/_generated"], appFailure: null });
    // They generated server.ts with an older CLI, which wrote no platform variables.
    for (const name of ["api.ts", "component.ts", "dataModel.ts"]) {
      const path = `src/component/_generated/${name}`;
      expect(files.get(path), name).toBe(await readFile(join(published, path), "utf8"));
    }
  });
});

/** Compiles the package, then everything against it; a `@ts-expect-error` in the app fails if a type is `any`. */
function compile(directory: string): void {
  const typescript = join(directory, "node_modules/typescript/bin/tsc");
  const options = ["--strict", "--module", "NodeNext", "--target", "ES2022", "--skipLibCheck"];
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [typescript, ...options, ...args], { cwd: directory, encoding: "utf8" });
  const configs = ["src/component/convex.config.ts", "src/component/inner/convex.config.ts"];
  const modules = ["src/client/index.ts", "src/component/notes/public.ts", "src/component/inner/items.ts"];
  const generated = GENERATED.filter((path) => path.endsWith("/component.ts"));
  const build = run("--declaration", "--rootDir", "src", "--outDir", "dist", ...generated, ...configs, ...modules);
  expect(build.stdout).toBe("");
  const check = run("--noEmit", "example/convex/convex.config.ts", "example/convex/notes.ts");
  expect(check.stdout).toBe("");
}
