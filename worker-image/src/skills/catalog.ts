/** Knows which skills count on each channel, and keeps their bundles at hand; asks the backend only when something has changed. */
import { isSkillSlug, MAX_SKILLS, SKILL_DOCUMENT } from "../../../src/shared/skill-bundle.js";
import {
  EMPTY_MANIFEST_VERSION,
  type ReleaseChannel,
  type SkillManifest,
  type SkillManifestPointer,
} from "../../../src/shared/skills.js";
import type { Logger } from "../logger.js";
import { readSkillDocument, type ReadDocument } from "./document.js";
import { listingOf, type FileListing, type SkillFileContent } from "./files.js";
import { SkillRejected, type SkillStore } from "./store.js";

/** A skill that is ready to be written into a workspace. */
export type CatalogSkill = {
  dirName: string;
  version: string;
  listing: FileListing;
  document: ReadDocument;
  /** The content, verified now. */
  read(): Promise<SkillFileContent[]>;
};

export type FetchManifest = (releaseChannel: ReleaseChannel, knownBundles: string[]) => Promise<SkillManifest>;

type Known = { manifestVersion: string; skills: CatalogSkill[]; bundles: ReadonlySet<string> };

export class SkillCatalog {
  private readonly channels = new Map<ReleaseChannel, Known>();
  private busy: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: SkillStore,
    private readonly logger: Logger,
  ) {}

  /**
   * The skills of the channel as of `pointer` or later.
   *
   * @throws SkillRejected for what is not what it says; what `fetch` throws; disk errors
   */
  async skills(
    { releaseChannel, manifestVersion }: SkillManifestPointer,
    fetch: FetchManifest,
  ): Promise<CatalogSkill[]> {
    if (manifestVersion === EMPTY_MANIFEST_VERSION) return [];
    // One at a time: turns that begin together want the same bundles, and nobody removes what another one is reading.
    const mine = this.busy.then(async () => {
      const known = this.channels.get(releaseChannel);
      if (known?.manifestVersion === manifestVersion) return known.skills;
      return await this.refresh(releaseChannel, fetch);
    });
    this.busy = mine.catch(() => {});
    return await mine;
  }

  /** Forgets what it knows of the disk: something there is not what it was. */
  forget(): void {
    this.channels.clear();
  }

  private async refresh(releaseChannel: ReleaseChannel, fetch: FetchManifest): Promise<CatalogSkill[]> {
    const whole = new Set<string>();
    for (const sha256 of await this.store.list()) if ((await this.store.read(sha256)) !== null) whole.add(sha256);
    // Every answer brings at least one bundle that was missing.
    for (let answers = 0; answers <= MAX_SKILLS; answers++) {
      const manifest = await fetch(releaseChannel, [...whole]);
      const missing = manifest.skills.filter(({ sha256 }) => !whole.has(sha256));
      if (missing.length === 0) return await this.adopt(manifest);
      const sent = missing.filter(({ files }) => files.length > 0);
      if (sent.length === 0) break;
      for (const skill of sent) {
        await this.store.add(skill);
        whole.add(skill.sha256);
      }
      if (sent.length === missing.length) return await this.adopt(manifest);
    }
    throw new SkillRejected("The backend does not send the files of all skills.");
  }

  private async adopt({ releaseChannel, manifestVersion, skills: deployed }: SkillManifest): Promise<CatalogSkill[]> {
    const skills: CatalogSkill[] = [];
    for (const { skillDirName: dirName, version, sha256 } of deployed) {
      if (!isSkillSlug(dirName) || skills.some((other) => other.dirName === dirName)) {
        throw new SkillRejected(`The folder of a skill cannot be called ${JSON.stringify(dirName)}, or is taken.`);
      }
      const read = () => this.requireBundle(dirName, sha256);
      const files = await read();
      const text = files.find(({ path }) => path === SKILL_DOCUMENT)?.content.toString("utf8") ?? "";
      skills.push({ dirName, version, listing: listingOf(files), document: readSkillDocument(text), read });
    }
    const bundles = new Set(deployed.map(({ sha256 }) => sha256));
    this.channels.set(releaseChannel, { manifestVersion, skills, bundles });
    await this.store.keepOnly(new Set([...this.channels.values()].flatMap((known) => [...known.bundles])));
    const facts = { releaseChannel, manifestVersion, skills: skills.length };
    this.logger.info(facts, "The skills of this worker are up to date.");
    return skills;
  }

  private async requireBundle(dirName: string, sha256: string): Promise<SkillFileContent[]> {
    const files = await this.store.read(sha256);
    if (files !== null) return files;
    this.forget();
    throw new SkillRejected(`The files of the skill ${dirName} are not what they were on this machine's disk.`);
  }
}
