/** What must be in the package, and what must not. */
import type { Manifest, PackedPackage } from "./pack.js";

/** Files a reader or a tool looks for by name. The two `_generated` ones type an app's `components.agentFactory`. */
const REQUIRED = [
  "bin/agent-factory.js",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
  "dist/component/_generated/component.d.ts",
  "dist/component/convex.config.js",
  "dist/component/schema.js",
  "src/component/_generated/component.ts",
];

/** Folders an app has a use for; everything else belongs to the development of this package. */
const ALLOWED = /^(?:bin\/|src\/|dist\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/;

const UNWANTED: [pattern: RegExp, reason: string][] = [
  [/\.test(?:-kit)?\.(?:d\.)?[cm]?[jt]sx?(?:\.map)?$/, "a test"],
  [/(?:^|\/)\.tsbuildinfo$|\.tsbuildinfo$/, "the compiler's notes about an earlier build"],
  [/(?:^|\/)(?:__snapshots__|fixtures|testing)\//, "test data"],
  [/(?:^|\/)\.env/, "an environment file"],
  [/(?:^|\/)tsconfig[^/]*\.json$/, "compiler settings"],
];

/** One installation downloads this; a package of sources and types that grows past it has picked something up by mistake. */
const MAX_PACKED_BYTES = 1024 * 1024;

/** Every file that `exports` promises. */
function promisedFiles(manifest: Manifest): string[] {
  return Object.values(manifest.exports)
    .flatMap((target) => (typeof target === "string" ? [target] : Object.values(target)))
    .map((path) => path.replace(/^\.\//, ""));
}

/** Everything that is wrong with the contents, one sentence each. */
export function contentProblems(packed: Pick<PackedPackage, "files" | "packedBytes" | "manifest">): string[] {
  const present = new Set(packed.files);
  const problems: string[] = [];
  for (const path of new Set([...REQUIRED, ...promisedFiles(packed.manifest)])) {
    if (!present.has(path)) problems.push(`${path} is missing.`);
  }
  for (const path of packed.files) {
    if (!ALLOWED.test(path)) problems.push(`${path} is of no use to an app.`);
    for (const [pattern, reason] of UNWANTED) {
      if (pattern.test(path)) problems.push(`${path} is ${reason}.`);
    }
  }
  if (packed.packedBytes > MAX_PACKED_BYTES) {
    problems.push(`The tarball has ${packed.packedBytes} bytes, more than ${MAX_PACKED_BYTES}.`);
  }
  return problems;
}

/** @throws Error that lists every problem. */
export function checkContents(packed: PackedPackage): void {
  const problems = contentProblems(packed);
  if (problems.length > 0) {
    throw new Error(
      `The package does not contain what it should (see "files" in package.json):\n${problems.join("\n")}`,
    );
  }
}
