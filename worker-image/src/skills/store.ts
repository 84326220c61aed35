/** The bundles this worker has, on its disk by their SHA-256. An agent could reach them, so they are verified whenever they are read. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { bundleDigestText, skillBundleProblem } from "../../../src/shared/skill-bundle.js";
import type { ManifestSkill } from "../../../src/shared/skills.js";
import { removeTree } from "../locked-folders.js";
import { NotASkill, readSkillFolder, sha256Of, writeSkillFolder, type SkillFileContent } from "./files.js";

/** A bundle that is not what its manifest says. */
export class SkillRejected extends Error {
  override readonly name = "SkillRejected";
}

const BUNDLE_NAME = /^[0-9a-f]{64}$/;

export class SkillStore {
  constructor(
    private readonly directory: string,
    /** On the same file system, so that a bundle appears as a whole. */
    private readonly temporaryDirectory: string,
  ) {}

  /** SHA-256 of every bundle that is there. Whether it is whole is found out by reading it. */
  async list(): Promise<string[]> {
    const names = await readdir(this.directory).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    });
    return names.filter((name) => BUNDLE_NAME.test(name));
  }

  /** The files, or `null` when the bundle is not there or not what it was; the rest of it is removed then. */
  async read(sha256: string): Promise<SkillFileContent[] | null> {
    const folder = join(this.directory, sha256);
    try {
      const files = await readSkillFolder(folder);
      if (sha256Of(bundleDigestText(files)) === sha256) return files;
    } catch (error) {
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (!isAbsent && !(error instanceof NotASkill)) throw error;
    }
    await removeTree(folder);
    return null;
  }

  /** Verifies what the backend sent and keeps it. @throws SkillRejected, disk errors */
  async add(skill: ManifestSkill): Promise<SkillFileContent[]> {
    const files = verifiedFiles(skill);
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    await mkdir(this.temporaryDirectory, { recursive: true, mode: 0o700 });
    const incoming = join(this.temporaryDirectory, `skill-${randomBytes(8).toString("hex")}`);
    const folder = join(this.directory, skill.sha256);
    try {
      await writeSkillFolder(incoming, files);
      await removeTree(folder);
      await rename(incoming, folder);
    } finally {
      await removeTree(incoming);
    }
    return files;
  }

  /** Removes all bundles but these. */
  async keepOnly(wanted: ReadonlySet<string>): Promise<void> {
    for (const name of await this.list()) {
      if (!wanted.has(name)) await removeTree(join(this.directory, name));
    }
  }
}

/** Checks every file and the bundle as a whole, and that its paths stay within it. @throws SkillRejected */
export function verifiedFiles({ slug, version, sha256, files }: ManifestSkill): SkillFileContent[] {
  const refuse = (why: string) => new SkillRejected(`The skill ${slug} (version ${version}) was not accepted: ${why}`);
  const contents = files.map((file) => ({ ...file, content: Buffer.from(file.content, "utf8") }));
  const problem = skillBundleProblem(contents.map((file) => ({ ...file, sizeBytes: file.content.length })));
  if (problem !== null) throw refuse(problem);
  for (const { path, content, sha256: expected } of contents) {
    if (sha256Of(content) !== expected) throw refuse(`${path} is not what its digest says.`);
  }
  if (sha256Of(bundleDigestText(files)) !== sha256) throw refuse("Its files are not those of its digest.");
  return contents;
}
