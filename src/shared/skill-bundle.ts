/** What a bundle of a skill must be, so that it can be stored, verified and written to any disk. Pure; both ends check. */
import type { ModuleFormat } from "./skills.js";

/** Instructions and scripts are a few KB; this leaves room for a bundled program, and is half a document of Convex. */
export const MAX_SKILL_FILE_BYTES = 512 * 1024;
export const MAX_SKILL_FILES = 128;
export const MAX_SKILL_BUNDLE_BYTES = 2 * 1024 * 1024;
/** All skills of a channel: half of what one call may return, because text may grow when it is written as JSON. */
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
/** Every skill costs a model tokens in every turn; far fewer are useful. */
export const MAX_SKILLS = 64;
/** As the Agent Skills format has it, whose names are folders. */
export const MAX_SLUG_CHARACTERS = 64;
const MAX_PATH_CHARACTERS = 256;
const MAX_PATH_DEPTH = 8;

/** Every skill has this file; it says what the skill is for and when to use it. */
export const SKILL_DOCUMENT = "SKILL.md";
const ENTRY_POINTS: Record<ModuleFormat, string> = { esm: "scripts/index.mjs", cjs: "scripts/index.cjs" };

const SLUG = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** A name that every file system takes and no shell misreads; not hidden, and neither `.` nor `..`. */
const PATH_PART = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
/** Names that Windows keeps for devices, whatever follows the dot. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
const SHA256 = /^[0-9a-f]{64}$/;

export function isSkillSlug(text: string): boolean {
  return text.length <= MAX_SLUG_CHARACTERS && SLUG.test(text);
}

/** Why a path cannot be a file of a skill, as the end of a sentence; `null` when it can. */
export function skillPathProblem(path: string): string | null {
  const parts = path.split("/");
  if (path.length > MAX_PATH_CHARACTERS) return `is longer than ${MAX_PATH_CHARACTERS} characters`;
  if (parts.length > MAX_PATH_DEPTH) return `lies more than ${MAX_PATH_DEPTH} folders deep`;
  if (parts.every((part) => PATH_PART.test(part) && !part.endsWith(".") && !DEVICE.test(part))) return null;
  return "is not a plain relative path: letters, digits, dots, dashes and underscores, parts joined by /, nothing hidden";
}

type Listed = { path: string; sha256: string; sizeBytes: number };

/** Why these files are no bundle, in a sentence; `null` when they are one. Contents are checked by whoever can hash. */
export function skillBundleProblem(files: readonly Listed[]): string | null {
  if (files.length > MAX_SKILL_FILES) return `A skill has at most ${MAX_SKILL_FILES} files; these are ${files.length}.`;
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (bytes > MAX_SKILL_BUNDLE_BYTES) {
    return `The files of a skill have at most ${MAX_SKILL_BUNDLE_BYTES} bytes together; these have ${bytes}.`;
  }
  // macOS and Windows take names that differ in case only for the same.
  const seen = new Set<string>();
  const folders = new Set<string>();
  for (const { path, sha256, sizeBytes } of files) {
    const problem = skillPathProblem(path);
    if (problem !== null) return `The path ${JSON.stringify(path.slice(0, MAX_PATH_CHARACTERS))} ${problem}.`;
    if (sizeBytes > MAX_SKILL_FILE_BYTES) return `${path} has more than ${MAX_SKILL_FILE_BYTES} bytes.`;
    if (!SHA256.test(sha256)) return `The sha256 of ${path} must be 64 lowercase hex digits.`;
    const name = path.toLowerCase();
    if (seen.has(name)) return `${path} occurs twice (upper and lower case count as the same).`;
    seen.add(name);
    const parts = name.split("/");
    for (let depth = 1; depth < parts.length; depth++) folders.add(parts.slice(0, depth).join("/"));
  }
  const both = [...seen].find((name) => folders.has(name));
  if (both !== undefined) return `${both} is both a file and a folder.`;
  if (!files.some(({ path }) => path === SKILL_DOCUMENT)) return `A skill needs a file ${SKILL_DOCUMENT}.`;
  return null;
}

/**
 * The text whose SHA-256 is the bundle's: a line per file, `<sha256>  <path>`, in the order of the paths' characters. It is what
 * `sha256sum` prints for the files in that order, so anybody can compute it.
 */
export function bundleDigestText(files: readonly { path: string; sha256: string }[]): string {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return sorted.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join("");
}

export type EntryPoint = { entryPoint: string | null; moduleFormat: ModuleFormat | null };

/** Settles which program a skill has: the one that is named, or `scripts/index.mjs` or `.cjs` if there is one, or none. */
export function resolveEntryPoint(
  paths: readonly string[],
  wanted: { entryPoint?: string | undefined; moduleFormat?: ModuleFormat | undefined },
): EntryPoint | { problem: string } {
  const usual = (["esm", "cjs"] as const).filter((format) => paths.includes(ENTRY_POINTS[format]));
  const format = wanted.moduleFormat ?? usual[0];
  const entryPoint = wanted.entryPoint ?? (format === undefined ? undefined : ENTRY_POINTS[format]);
  if (entryPoint === undefined) return { entryPoint: null, moduleFormat: null };
  if (!paths.includes(entryPoint)) return { problem: `The entry point ${entryPoint} is not among the files.` };
  const bySuffix = /\.mjs$/.test(entryPoint) ? "esm" : /\.cjs$/.test(entryPoint) ? "cjs" : undefined;
  const moduleFormat = bySuffix ?? wanted.moduleFormat ?? "esm";
  if (wanted.moduleFormat !== undefined && wanted.moduleFormat !== moduleFormat) {
    return { problem: `${entryPoint} is a module of the format ${moduleFormat}, not ${wanted.moduleFormat}.` };
  }
  return { entryPoint, moduleFormat };
}

export type SkillSummary = { name: string; description: string | null };

/**
 * Looks at the front matter of `SKILL.md` closely enough to refuse a file without one. Reading it is the worker's business,
 * where a whole YAML parser is.
 */
export function summarizeSkillDocument(text: string): SkillSummary | { problem: string } {
  const matter = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[1];
  if (matter === undefined) {
    return { problem: `${SKILL_DOCUMENT} must begin with front matter: a line ---, name and description, a line ---.` };
  }
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, "m").exec(matter)?.[1];
  const [name, description] = [field("name"), field("description")];
  if (name === undefined || name === "") return { problem: `The front matter of ${SKILL_DOCUMENT} has no name.` };
  if (description === undefined) return { problem: `The front matter of ${SKILL_DOCUMENT} has no description.` };
  const isOneLine = description !== "" && !/^[>|]/.test(description);
  return { name: unquoted(name), description: isOneLine ? unquoted(description) : null };
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;
}
