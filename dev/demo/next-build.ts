/** Builds the example for production, unless nothing changed since the last build. */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EXAMPLE_FOLDER, NextProcess, REPOSITORY_ROOT } from "./next-process.js";

/** A cold build takes about 20 s on a fast machine; a small one shared with others gets this long. */
const BUILD_TIMEOUT_MS = 6 * 60_000;
const STAMP_FILE = join(REPOSITORY_ROOT, EXAMPLE_FOLDER, ".next", "built-from.txt");
/** What a build depends on: the example, the package as built, and the versions of everything installed. */
const INPUTS = [EXAMPLE_FOLDER, "dist/client", "dist/react", "dist/shared", "tsconfig.base.json", "package-lock.json"];
const NOT_INPUTS = new Set([".next", "node_modules", "next-env.d.ts", "tsconfig.tsbuildinfo", "README.md"]);

/**
 * @returns whether a build was made
 * @throws Error with what Next.js printed when the build fails, or takes more than six minutes.
 */
export async function ensureNextBuild(): Promise<boolean> {
  const fingerprint = await fingerprintOfInputs();
  if ((await readStamp()) === fingerprint) return false;
  const build = NextProcess.start(["build", EXAMPLE_FOLDER], { EXAMPLE_SKIP_TYPECHECK: "1" });
  const timer = setTimeout(() => void build.close(), BUILD_TIMEOUT_MS);
  try {
    const code = await build.exited;
    if (code !== 0) throw new Error(`next build ${EXAMPLE_FOLDER} failed (exit code ${code}):\n${build.output}`);
  } finally {
    clearTimeout(timer);
    await build.close();
  }
  // Written last: a build that died in between has no stamp, and the next one starts anew.
  await writeFile(STAMP_FILE, fingerprint);
  return true;
}

async function readStamp(): Promise<string | null> {
  try {
    return await readFile(STAMP_FILE, "utf8");
  } catch {
    return null;
  }
}

async function fingerprintOfInputs(): Promise<string> {
  const hash = createHash("sha256").update(process.version);
  for (const input of INPUTS) await addToHash(hash, input);
  return hash.digest("hex");
}

async function addToHash(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const absolute = join(REPOSITORY_ROOT, path);
  const entries = await readdir(absolute, { withFileTypes: true }).catch(() => null);
  if (entries === null) {
    const content = await readFile(absolute).catch(() => Buffer.alloc(0));
    hash.update(`${path}\0${content.length}\0`).update(content);
    return;
  }
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!NOT_INPUTS.has(entry.name)) await addToHash(hash, `${path}/${entry.name}`);
  }
}
