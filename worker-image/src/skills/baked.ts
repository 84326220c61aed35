/** The skills that came with the image: read once, at the worker's start, before any agent could have touched a file. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isSkillSlug, SKILL_DOCUMENT } from "../../../src/shared/skill-bundle.js";
import type { Logger } from "../logger.js";
import type { CatalogSkill } from "./catalog.js";
import { readSkillDocument } from "./document.js";
import { listingOf, NotASkill, readSkillFolder } from "./files.js";

/** What is no skill is left out with a log line: an image with a wrong file in it still does its work. */
export async function readBakedSkills(directory: string, logger: Logger): Promise<CatalogSkill[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw error;
  });
  const skills: CatalogSkill[] = [];
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    try {
      if (!isSkillSlug(name)) throw new NotASkill("Its name is not lowercase words joined by dashes.");
      const folder = join(directory, name);
      const files = await readSkillFolder(folder);
      const text = files.find(({ path }) => path === SKILL_DOCUMENT)?.content.toString("utf8");
      if (text === undefined) throw new NotASkill(`It has no ${SKILL_DOCUMENT}.`);
      const document = readSkillDocument(text);
      skills.push({
        dirName: name,
        version: "image",
        listing: listingOf(files),
        document,
        read: () => readSkillFolder(folder),
      });
    } catch (error) {
      if (!(error instanceof NotASkill)) throw error;
      logger.warn({ skill: name, why: error.message }, "A folder among the image's skills is none.");
    }
  }
  return skills;
}
