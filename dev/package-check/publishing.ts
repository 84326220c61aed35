/** The two tools that know how packages go wrong: publint for the manifest, are-the-types-wrong for the types. */
import { repositoryRoot, runTool } from "./commands.js";

/** Warnings count as errors. */
export async function checkMetadata(tarball: string): Promise<void> {
  await runTool("publint", ["run", tarball, "--strict"], { cwd: repositoryRoot });
}

/**
 * `esm-only`: the package has no CommonJS build, on purpose (Convex bundles its functions, and Node 20.19 and later can
 * `require` ES modules), so what only a CommonJS caller could run into is no finding.
 */
export async function checkTypes(tarball: string): Promise<void> {
  const args = [tarball, "--profile", "esm-only"];
  await runTool("attw", [...args, "--format", "ascii", "--no-color", "--no-emoji"], { cwd: repositoryRoot });
}
