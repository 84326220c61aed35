/** Puts the skills that count into a conversation's workspace before its runtime starts, and says which were left out and why. */
import { join } from "node:path";
import type { HydrationBundle } from "../../../src/shared/worker-protocol.js";
import { CallAborted, type WorkerSession } from "../backend/session.js";
import { errorMessage, type Logger } from "../logger.js";
import { TurnFailed } from "../turn-failure.js";
import { temporaryDirectory } from "../workspaces/paths.js";
import { readBakedSkills } from "./baked.js";
import { SkillCatalog, type CatalogSkill } from "./catalog.js";
import { arrangeSkills, type Cleaning } from "./directory.js";
import { NotASkill } from "./files.js";
import { missingFor, thisHost, type SkillHost } from "./requirements.js";
import { SkillRejected, SkillStore } from "./store.js";

/** A bundle may have been replaced or tampered with since it was read; fetched anew, it is right or nothing runs. */
const MAX_ATTEMPTS = 2;
/** Paths named in the log one by one; of more, the number is enough. */
const MAX_REPORTED = 50;

export type InstalledSkill = {
  name: string;
  description: string;
  /** Below the workspace, parts joined by `/`. */
  directory: string;
};

export type Installation = { skills: InstalledSkill[]; leftOut: { skill: string; why: string }[] };

type Place = {
  /** The conversation's folder. */
  root: string;
  /** Ends the runtime, because skills are about to change under it. */
  stopRuntime: () => Promise<void>;
  signal: AbortSignal;
  logger: Logger;
};

export class SkillInstaller {
  private readonly catalog: SkillCatalog;
  private readonly temporaryDirectory: string;
  private readonly baked: Promise<CatalogSkill[]>;

  constructor(
    private readonly session: WorkerSession,
    { dataDirectory, skillsDirectory }: { dataDirectory: string; skillsDirectory: string },
    logger: Logger,
  ) {
    this.temporaryDirectory = temporaryDirectory(dataDirectory);
    this.catalog = new SkillCatalog(new SkillStore(join(dataDirectory, "skills"), this.temporaryDirectory), logger);
    this.baked = readBakedSkills(skillsDirectory, logger);
    // Whoever installs first is told.
    this.baked.catch(() => {});
  }

  /**
   * Nothing that is not verified is left in the folder, and nothing runs if that cannot be had.
   *
   * @param environment the agent's variables, as its programs will see them
   * @throws TurnFailed, CallAborted, disk errors, and what a query throws
   */
  async install(
    bundle: Pick<HydrationBundle, "skills">,
    environment: Readonly<Record<string, string>>,
    place: Place,
  ): Promise<Installation> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.tryInstall(bundle, environment, place);
      } catch (error) {
        if (!(error instanceof SkillRejected) && !(error instanceof NotASkill)) throw error;
        if (attempt >= MAX_ATTEMPTS) {
          throw new TurnFailed(`The agent's skills could not be prepared. ${errorMessage(error)}`, "unknown");
        }
        place.logger.warn({ reason: errorMessage(error) }, "The skills have to be fetched again.");
      }
    }
  }

  private async tryInstall(
    bundle: Pick<HydrationBundle, "skills">,
    environment: Readonly<Record<string, string>>,
    place: Place,
  ): Promise<Installation> {
    const { root, stopRuntime, signal, logger } = place;
    const deployed = await this.deployed(bundle, signal);
    const taken = new Set(deployed.map(({ dirName }) => dirName));
    // Who deploys a skill of the same name replaces the one of the image.
    const candidates = [...deployed, ...(await this.baked).filter(({ dirName }) => !taken.has(dirName))];
    const { wanted, installation } = await select(candidates, thisHost(environment));
    const cleaning = await arrangeSkills(wanted, {
      root,
      temporaryDirectory: this.temporaryDirectory,
      beforeChanging: stopRuntime,
    });
    report(cleaning, installation, logger);
    return installation;
  }

  private async deployed({ skills }: Pick<HydrationBundle, "skills">, signal: AbortSignal): Promise<CatalogSkill[]> {
    const policy = { signal };
    const fetching = this.catalog.skills(skills, (releaseChannel, knownBundles) =>
      this.session.query(
        "workerGlobalSkillsManifest",
        (credentials) => ({ ...credentials, releaseChannel, knownBundles }),
        policy,
      ),
    );
    // Another turn may be fetching: this one's end must not wait for that.
    return await Promise.race([fetching, untilEnded(signal)]);
  }
}

async function untilEnded(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const end = () => reject(new CallAborted("The turn was ended."));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

async function select(
  candidates: readonly CatalogSkill[],
  host: SkillHost,
): Promise<{ wanted: CatalogSkill[]; installation: Installation }> {
  const wanted: CatalogSkill[] = [];
  const installation: Installation = { skills: [], leftOut: [] };
  for (const skill of candidates) {
    const { dirName, document: read } = skill;
    const why = read.ok ? await missingFor(read.document.requirements, host) : read.why;
    if (why !== null || !read.ok) {
      installation.leftOut.push({ skill: dirName, why: why ?? "it cannot be read" });
      continue;
    }
    const { name, description } = read.document;
    wanted.push(skill);
    installation.skills.push({ name, description, directory: `skills/${dirName}` });
  }
  return { wanted, installation };
}

function report({ removed, written }: Cleaning, { leftOut }: Installation, logger: Logger): void {
  for (const path of removed.slice(0, MAX_REPORTED)) {
    logger.warn({ path }, "Removed from the folder of skills: it is neither deployed nor part of the image.");
  }
  if (removed.length > MAX_REPORTED) logger.warn({ removed: removed.length }, "So was much more.");
  if (written.length > 0) logger.info({ skills: written }, "Wrote skills into the workspace.");
  for (const { skill, why } of leftOut) logger.info({ skill, why }, "Left out a skill.");
}
