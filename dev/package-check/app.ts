/** Uses the tarball in an app (the folder `app/`) that can see nothing but what the package says it needs. */
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { repositoryRoot, run, runTool } from "./commands.js";
import type { Manifest } from "./pack.js";

const template = fileURLToPath(new URL("app/", import.meta.url));

/** What the app itself would list under `devDependencies` to compile and test. */
const APP_TOOLS = ["convex-test", "vitest", "vite", "@edge-runtime/vm"];

/**
 * Lays the app out in `folder`, installs the tarball, and has Node import it, the compiler read its types under both
 * module resolutions that apps use, and Vitest run it.
 *
 * Dependencies are links to the ones of this repository: that needs no network, and since only declared ones are
 * linked, an import that `package.json` forgot is an error here, as it would be in an app.
 */
export async function useInApp(tarball: string, manifest: Manifest, folder: string): Promise<void> {
  await cp(template, folder, { recursive: true });
  // Not part of the template: there it would keep the template's files from being checked with this repository's others.
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  const installed = join(folder, "node_modules", manifest.name);
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", installed], { cwd: folder });
  const declared = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)];
  for (const name of new Set([...declared, ...APP_TOOLS])) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(repositoryRoot, "node_modules", name), link, "dir");
  }

  await bundleDefinition(folder);
  await run(process.execPath, ["entry-points.js"], { cwd: folder });
  await runTool("tsc", ["--project", "."], { cwd: folder });
  await runTool("tsc", ["--project", ".", "--module", "ESNext", "--moduleResolution", "Bundler"], { cwd: folder });
  await runTool("vitest", ["run"], { cwd: folder });
}

/**
 * Bundles the component's definition with those of the components it uses, as Convex's own bundler has to. It cannot be
 * run here: that bundler first tells each definition where it stands.
 */
async function bundleDefinition(folder: string): Promise<void> {
  const { outputFiles } = await build({
    stdin: { contents: `export { default } from "convex-agent-factory/convex.config.js";`, resolveDir: folder },
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    external: ["convex/*"],
  });
  const bundle = outputFiles.map(({ text }) => text).join("");
  for (const name of ["agentFactory", "batchWorker"]) {
    if (!bundle.includes(`"${name}"`)) throw new Error(`The definition of ${name} is not in the package.`);
  }
}
