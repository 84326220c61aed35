/** Builds the package from its sources alone and packs it, without touching the `dist` that others may be using. */
import { cp, mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot, run, runTool } from "./commands.js";

const vManifest = z.object({
  name: z.string(),
  exports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
  dependencies: z.record(z.string(), z.string()).default({}),
  peerDependencies: z.record(z.string(), z.string()).default({}),
});
export type Manifest = z.infer<typeof vManifest>;

const vPackReport = z.array(
  z.object({ filename: z.string(), size: z.number(), files: z.array(z.object({ path: z.string() })) }),
);

export interface PackedPackage {
  /** Absolute path of the `.tgz`. */
  tarball: string;
  /** Paths inside the package. */
  files: string[];
  packedBytes: number;
  manifest: Manifest;
}

/** All that the build and `npm pack` read; what is missing here cannot be needed by them. */
const PACKED_FROM = [
  "package.json",
  "tsconfig.base.json",
  "tsconfig.build.json",
  "bin",
  "src",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
];

async function readManifest(): Promise<Manifest> {
  return vManifest.parse(JSON.parse(await readFile(join(repositoryRoot, "package.json"), "utf8")));
}

/** Builds and packs in `folder`, which must not exist yet. */
export async function packPackage(folder: string): Promise<PackedPackage> {
  await mkdir(folder, { recursive: true });
  for (const name of PACKED_FROM) await cp(join(repositoryRoot, name), join(folder, name), { recursive: true });
  await symlink(join(repositoryRoot, "node_modules"), join(folder, "node_modules"), "dir");
  await runTool("tsc", ["--project", "tsconfig.build.json"], { cwd: folder });
  // The build above is what the package's own scripts would do; they would also build the worker image.
  const report = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: folder,
  });
  const [packed] = vPackReport.parse(JSON.parse(report));
  if (packed === undefined) throw new Error("npm pack reported no package.");
  return {
    tarball: join(folder, packed.filename),
    files: packed.files.map((file) => file.path),
    packedBytes: packed.size,
    manifest: await readManifest(),
  };
}
