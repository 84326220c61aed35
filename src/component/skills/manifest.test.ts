import { describe, expect, it } from "vitest";
import {
  enqueue,
  expectRefused,
  lib,
  startComponent,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";
import type { ReleaseChannel } from "../../shared/skills.js";
import { deleteSkill, deploy, list, setStatus } from "./skills.test-kit.js";

type Asked = { releaseChannel?: ReleaseChannel; knownBundles?: string[] };

async function manifest(t: Harness, worker: StartedWorker, asked: Asked = {}) {
  return await t.action(
    async (ctx) => await ctx.runQuery(lib.getWorkerGlobalSkillsManifest, { ...worker.credentials, ...asked }),
  );
}

const versions = ({ skills }: Awaited<ReturnType<typeof manifest>>) =>
  skills.map(({ slug, version }) => `${slug}@${version}`);

describe("a manifest", () => {
  useFakeClock();

  it("is empty before anything is deployed", async () => {
    const t = startComponent();
    expect(await manifest(t, await startWorker(t))).toEqual({
      layoutVersion: "openclaw-workspace-skill-v1",
      manifestVersion: "empty",
      generatedAt: 0,
      releaseChannel: "stable",
      skills: [],
    });
  });

  it("has every active skill with its files, in the order of their names", async () => {
    const t = startComponent();
    const { sha256 } = await deploy(t, { slug: "weather", contents: { "b.txt": "b", "a.txt": "a" } });
    await deploy(t, { slug: "accounting" });
    const { skills, manifestVersion } = await manifest(t, await startWorker(t));
    expect(manifestVersion).toMatch(/^[0-9a-f]{64}$/);
    expect(skills.map(({ slug }) => slug)).toEqual(["accounting", "weather"]);
    expect(skills[1]).toMatchObject({ skillDirName: "weather", version: "1", sha256, entryPoint: null });
    expect(skills[1]?.files.map(({ path, content }) => [path, content.slice(0, 4)])).toEqual([
      ["SKILL.md", "---\n"],
      ["a.txt", "a"],
      ["b.txt", "b"],
    ]);
  });

  it("leaves out the files a worker has, and nothing else", async () => {
    const t = startComponent();
    const worker = await startWorker(t);
    const known = await deploy(t, { slug: "known" });
    await deploy(t, { slug: "new", contents: { "a.txt": "a" } });
    const whole = await manifest(t, worker);
    const { skills, manifestVersion } = await manifest(t, worker, { knownBundles: [known.sha256, "f".repeat(64)] });
    expect(skills.map(({ files }) => files.length)).toEqual([0, 2]);
    expect(manifestVersion).toBe(whole.manifestVersion);
  });

  it("has a version that changes with what is in it, and comes back with it", async () => {
    const t = startComponent();
    const worker = await startWorker(t);
    const version = async () => (await manifest(t, worker)).manifestVersion;
    await deploy(t, { version: "1" });
    const one = await version();
    await deploy(t, { version: "2", contents: { "new.txt": "" } });
    const two = await version();
    expect(two).not.toBe(one);
    await setStatus(t, "weather", "disabled");
    expect(await version()).toBe("empty");
    await setStatus(t, "weather", "active");
    expect(await version()).toBe(two);
    await deploy(t, { version: "1" });
    expect(await version()).toBe(one);
    await deleteSkill(t, "weather");
    expect(await version()).toBe("empty");
  });

  it("of canary is that of stable, with what is newer on either", async () => {
    const t = startComponent();
    const worker = await startWorker(t);
    const both = async () => [
      versions(await manifest(t, worker)),
      versions(await manifest(t, worker, { releaseChannel: "canary" })),
    ];
    await deploy(t, { slug: "a", version: "1" });
    expect(await both()).toEqual([["a@1"], ["a@1"]]);
    await deploy(t, { slug: "a", version: "2", releaseChannel: "canary" });
    await deploy(t, { slug: "b", version: "1", releaseChannel: "canary" });
    expect(await both()).toEqual([["a@1"], ["a@2", "b@1"]]);
    expect((await list(t)).map(({ activeRelease }) => activeRelease?.version)).toEqual(["1", undefined]);
    expect((await list(t, { releaseChannel: "canary" })).map(({ activeRelease }) => activeRelease?.version)).toEqual([
      "2",
      "1",
    ]);
    await deploy(t, { slug: "a", version: "3" });
    expect(await both()).toEqual([["a@3"], ["a@3", "b@1"]]);
    await deploy(t, { slug: "a", version: "2", releaseChannel: "canary" });
    expect(await both()).toEqual([["a@3"], ["a@2", "b@1"]]);
  });

  it("is for workers, and for questions of a size", async () => {
    const t = startComponent();
    const worker = await startWorker(t);
    const { workerId } = worker;
    const stranger = { workerId, workerToken: "x".repeat(43) };
    await expectRefused(
      t,
      "worker_rejected",
      async () => await t.action(async (ctx) => await ctx.runQuery(lib.getWorkerGlobalSkillsManifest, stranger)),
    );
    const knownBundles = Array.from({ length: 257 }, () => "");
    await expectRefused(t, "invalid_argument", async () => await manifest(t, worker, { knownBundles }));
  });

  it("comes in pieces when it is large", async () => {
    const t = startComponent();
    const worker = await startWorker(t);
    const contents = Object.fromEntries(
      Array.from({ length: 3 }, (_, index) => [`f${index}`, "\u0001".repeat(500_000)]),
    );
    for (let index = 0; index < 3; index++)
      await deploy(t, { slug: `s${index}`, contents: { ...contents, "mark.txt": String(index) } });
    const known: string[] = [];
    for (let answers = 1; answers <= 2; answers++) {
      const { skills } = await manifest(t, worker, { knownBundles: known });
      expect(skills).toHaveLength(3);
      const sent = skills.filter(({ files }) => files.length > 0);
      expect(sent).toHaveLength(answers === 1 ? 2 : 1);
      known.push(...sent.map(({ sha256 }) => sha256));
    }
    expect(new Set(known).size).toBe(3);
  });
});

describe("a turn", () => {
  useFakeClock();

  it("is told which manifest counts on its agent's channel", async () => {
    const t = await startWithAgent();
    await t.action(async (ctx) => {
      const skillsChannel = "canary" as const;
      const agent = { agentKey: "bold", version: "1", secretsRef: [], enabled: true, skillsChannel };
      await ctx.runMutation(lib.configureAgent, agent);
    });
    const told = async (agentKey: string) => {
      await enqueue(t, `c-${agentKey}`, "hi", { agentKey });
      const worker = await startWorker(t);
      const { skills } = await worker.hydrate(await worker.mustClaim());
      await worker.drained();
      return skills;
    };
    expect(await told("a")).toEqual({ releaseChannel: "stable", manifestVersion: "empty" });
    await deploy(t, { releaseChannel: "canary" });
    const { manifestVersion } = await manifest(t, await startWorker(t), { releaseChannel: "canary" });
    expect(await told("bold")).toEqual({ releaseChannel: "canary", manifestVersion });
  });
});
