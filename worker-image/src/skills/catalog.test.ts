import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLogger, SecretFilter } from "../logger.js";
import { manifestOf, manifestSkill } from "../testing/skills.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { SkillCatalog, type FetchManifest } from "./catalog.js";
import { SkillRejected, SkillStore } from "./store.js";

const logger = createLogger("silent", new SecretFilter());

async function newCatalog() {
  const directory = await temporaryDirectory();
  const store = new SkillStore(join(directory, "skills"), join(directory, "tmp"));
  return { store, catalog: new SkillCatalog(store, logger) };
}

const skills = ["a", "b", "c", "d", "e"].map((slug) => manifestSkill(slug));
const manifest = manifestOf(skills);
const pointer = { releaseChannel: "stable" as const, manifestVersion: manifest.manifestVersion };

/** Sends the files of so many bundles in each answer. */
function backend(perAnswer: number, served = manifest) {
  const asked: number[] = [];
  const fetch: FetchManifest = async (releaseChannel, known) => {
    asked.push(known.length);
    let left = perAnswer;
    const answer = served.skills.map((skill) =>
      known.includes(skill.sha256) || left-- <= 0 ? { ...skill, files: [] } : skill,
    );
    return { ...served, releaseChannel, skills: answer };
  };
  return { asked, fetch };
}

describe("a catalog of skills", () => {
  it("asks until it has all, in as many answers as it takes, and then no more", async () => {
    const { catalog } = await newCatalog();
    const { asked, fetch } = backend(2);
    const names = async () => (await catalog.skills(pointer, fetch)).map(({ dirName }) => dirName);
    expect(await names()).toEqual(["a", "b", "c", "d", "e"]);
    expect(asked).toEqual([0, 2, 4]);
    expect(await names()).toEqual(["a", "b", "c", "d", "e"]);
    expect(asked).toHaveLength(3);
  });

  it("does not ask for ever: a backend that sends nothing is an error", async () => {
    const { catalog } = await newCatalog();
    const { asked, fetch } = backend(0);
    await expect(catalog.skills(pointer, fetch)).rejects.toBeInstanceOf(SkillRejected);
    expect(asked).toHaveLength(1);
  });

  it("lets turns that begin together share one answer", async () => {
    const { catalog } = await newCatalog();
    const { asked, fetch } = backend(9);
    await Promise.all(Array.from({ length: 5 }, () => catalog.skills(pointer, fetch)));
    expect(asked).toEqual([0]);
  });

  it("goes on after an error, and keeps what it has got", async () => {
    const { catalog, store } = await newCatalog();
    const { fetch } = backend(2);
    let calls = 0;
    const failing: FetchManifest = async (...args) => {
      if (++calls === 2) throw new Error("gone");
      return await fetch(...args);
    };
    await expect(catalog.skills(pointer, failing)).rejects.toThrow("gone");
    expect(await store.list()).toHaveLength(2);
    expect(await catalog.skills(pointer, failing)).toHaveLength(5);
  });

  it("keeps the bundles of both channels, and of nothing else", async () => {
    const { catalog, store } = await newCatalog();
    await catalog.skills(pointer, backend(9).fetch);
    const canary = manifestOf([manifestSkill("f")]);
    const other = { releaseChannel: "canary" as const, manifestVersion: canary.manifestVersion };
    await catalog.skills(other, backend(9, canary).fetch);
    expect(await store.list()).toHaveLength(6);
    const less = manifestOf(skills.slice(0, 1));
    await catalog.skills({ ...pointer, manifestVersion: less.manifestVersion }, backend(9, less).fetch);
    expect(await store.list()).toHaveLength(2);
  });

  it.each(["..", "a/b", "", "A"])("refuses a folder called %j", async (skillDirName) => {
    const { catalog } = await newCatalog();
    const wrong = { ...manifest, skills: skills.map((skill) => ({ ...skill, skillDirName })) };
    await expect(catalog.skills(pointer, backend(9, wrong).fetch)).rejects.toBeInstanceOf(SkillRejected);
  });
});
