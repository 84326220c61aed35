/** Makes the `files` of a deployment from the content of a skill's folder. Runs in Convex, in a browser and in Node. */
import type { SkillFile } from "../shared/skills.js";

/**
 * @param contents text by path below the skill's folder, parts joined by `/`. What is hidden (a part begins with a dot) is
 *   left out, for it is an editor's or a tool's.
 */
export async function prepareSkillFiles(contents: Readonly<Record<string, string>>): Promise<SkillFile[]> {
  const visible = Object.entries(contents).filter(([path]) => !path.split("/").some(isHidden));
  const files = visible.map(async ([path, content]) => ({ path, content, sha256: await sha256Hex(content) }));
  return (await Promise.all(files)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Ways out of the folder are not hidden: they are refused when they are deployed. */
const isHidden = (part: string) => part.startsWith(".") && part !== "." && part !== "..";

async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
