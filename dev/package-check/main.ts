/**
 * `npm run check:package`: looks at the package as an app gets it, not as this repository sees it.
 *
 * Builds the sources from nothing in a temporary folder, packs them, holds the tarball against publint and
 * are-the-types-wrong, checks what it contains, and uses it in an app that has nothing else but what the package
 * declares. Needs no network.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkContents } from "./contents.js";
import { packPackage } from "./pack.js";
import { checkMetadata, checkTypes } from "./publishing.js";
import { useInApp } from "./app.js";

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "convex-agent-factory-package-"));
  try {
    const packed = await packPackage(join(folder, "package"));
    console.log(`packed ${packed.files.length} files, ${Math.ceil(packed.packedBytes / 1024)} KB`);
    checkContents(packed);
    console.log("contents: ok");
    await checkMetadata(packed.tarball);
    console.log("publint: ok");
    await checkTypes(packed.tarball);
    console.log("are-the-types-wrong: ok");
    await useInApp(packed.tarball, packed.manifest, join(folder, "app"));
    console.log("installed in an app: ok");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
