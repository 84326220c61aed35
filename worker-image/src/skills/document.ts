/** Reads a skill's `SKILL.md`: what it is called, what it is for, and what it needs. Pure. */
import { parseDocument } from "yaml";
import { z } from "zod";

export type SkillRequirements = {
  /** Node's names of the systems it runs on (`linux`, `darwin`, `win32`); empty is any. */
  os: readonly string[];
  /** Programs on the path, all of them. */
  bins: readonly string[];
  /** Programs on the path, one of each group. */
  anyBins: readonly (readonly string[])[];
  /** Variables of the agent's environment, all of them. */
  env: readonly string[];
};

export type SkillDocument = { name: string; description: string; requirements: SkillRequirements };

export type ReadDocument = { ok: true; document: SkillDocument } | { ok: false; why: string };

/** A list, or one word in its place, as people write it. */
const words = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === "string" ? [value] : value))
  .optional();

const vNeeds = z.looseObject({
  /** The author vouches for it: it is there whatever it needs. */
  always: z.boolean().optional(),
  os: words,
  requires: z.looseObject({ bins: words, anyBins: words, env: words }).optional(),
});
type Needs = z.infer<typeof vNeeds>;

const vFrontMatter = z.looseObject({
  name: z.string().trim().min(1),
  description: z.string().trim().min(1),
  /** Either says what is needed itself, or has sections named after programs, each of which says so for its own. */
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** Aliases could make a few bytes of YAML expand without end. */
const MAX_ALIASES = 10;
/** Front matter is a screenful; parsing more would hold up every conversation of the worker. */
const MAX_FRONT_MATTER_CHARACTERS = 32 * 1024;

export function readSkillDocument(text: string): ReadDocument {
  const matter = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[1];
  if (matter === undefined) return { ok: false, why: "its SKILL.md has no front matter" };
  if (matter.length > MAX_FRONT_MATTER_CHARACTERS)
    return { ok: false, why: "the front matter of its SKILL.md is too long" };
  let value: unknown;
  try {
    const document = parseDocument(matter, { prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) return { ok: false, why: `the front matter of its SKILL.md is no YAML (${error.code})` };
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return { ok: false, why: "the front matter of its SKILL.md cannot be read" };
  }
  const parsed = vFrontMatter.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".") ?? "";
    return { ok: false, why: `the front matter of its SKILL.md is not valid (${field === "" ? "no fields" : field})` };
  }
  const requirements = requirementsOf(parsed.data.metadata ?? {});
  if (requirements === null)
    return { ok: false, why: "the metadata of its SKILL.md says in no known way what it needs" };
  const { name, description } = parsed.data;
  return { ok: true, document: { name, description, requirements } };
}

/** What every section asks for, together: a skill that one of them cannot run is left out rather than found broken. */
function requirementsOf(metadata: Record<string, unknown>): SkillRequirements | null {
  const sections = Object.values(metadata).filter((value) => typeof value === "object" && value !== null);
  const all: Needs[] = [];
  for (const section of [metadata, ...sections]) {
    if (Array.isArray(section)) continue;
    const parsed = vNeeds.safeParse(section);
    if (!parsed.success) return null;
    all.push(parsed.data);
  }
  if (all.some(({ always }) => always === true)) return { os: [], bins: [], anyBins: [], env: [] };
  return {
    os: all.flatMap(({ os }) => os ?? []),
    bins: all.flatMap(({ requires }) => requires?.bins ?? []),
    anyBins: all.map(({ requires }) => requires?.anyBins ?? []).filter(({ length }) => length > 0),
    env: all.flatMap(({ requires }) => requires?.env ?? []),
  };
}
