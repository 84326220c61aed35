/** Skills as a backend would send them, for tests. */
import { bundleDigestText } from "../../../src/shared/skill-bundle.js";
import { SKILL_LAYOUT_VERSION, type ManifestSkill, type SkillManifest } from "../../../src/shared/skills.js";
import { sha256Of } from "../skills/files.js";

export const skillDocument = (name: string, metadata = "{}") =>
  `---\nname: ${name}\ndescription: About ${name}\nmetadata: ${metadata}\n---\nUse it well.\n`;

export function manifestSkill(slug: string, contents: Record<string, string> = {}, version = "1"): ManifestSkill {
  const all = { "SKILL.md": skillDocument(slug), ...contents };
  const files = Object.entries(all).map(([path, content]) => ({ path, content, sha256: sha256Of(content) }));
  const sha256 = sha256Of(bundleDigestText(files));
  return { slug, version, moduleFormat: null, entryPoint: null, sha256, skillDirName: slug, files };
}

export function manifestOf(skills: ManifestSkill[]): SkillManifest {
  return {
    layoutVersion: SKILL_LAYOUT_VERSION,
    manifestVersion: sha256Of(JSON.stringify(skills.map(({ slug, sha256 }) => [slug, sha256]))),
    generatedAt: 0,
    releaseChannel: "stable",
    skills,
  };
}
