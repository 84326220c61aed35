/** Skills through a whole worker: what lies in the workspace when the runtime begins, whatever the backend, the disk or an agent has done. */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Runtime, RuntimeContext, RuntimeEvent } from "../runtimes/runtime.js";
import { CREDENTIAL } from "../testing/fake-backend.js";
import { manifestOf, manifestSkill, skillDocument } from "../testing/skills.js";
import { quickEcho, testSystem, until, untilOver, type StartOptions, type TestSystem } from "../testing/test-worker.js";
import type { OnTestFinished } from "../testing/temporary.js";

type Act = (workspace: string, message: string) => Promise<void>;

/** Answers with the files of the folder of skills, then lets the agent do something. */
function listingRuntime(starts: { count: number }, act: Act) {
  return (context: RuntimeContext): Runtime => {
    const echo = quickEcho(context);
    let isStarted = false;
    return {
      capabilities: echo.capabilities,
      start: async (input) => {
        if (!isStarted) starts.count++;
        isStarted = true;
        await echo.start(input);
      },
      stop: async () => {
        isStarted = false;
        await echo.stop();
      },
      health: () => echo.health(),
      async *runTurn({ message }): AsyncIterable<RuntimeEvent> {
        const folder = join(context.workspaceDirectory, "skills");
        const files = await readdir(folder, { recursive: true }).catch(() => ["none"]);
        await act(context.workspaceDirectory, message);
        yield {
          type: "text",
          text: files
            .filter((name) => name.includes(".") || name === "none")
            .sort()
            .join(" "),
        };
        yield { type: "done" };
      },
      abort: (turnId) => echo.abort(turnId),
      quiesce: () => echo.quiesce(),
      snapshotExcludes: () => echo.snapshotExcludes(),
    };
  };
}

async function startSystem(atEnd: OnTestFinished, act: Act = async () => {}) {
  const system = await testSystem(atEnd);
  const starts = { count: 0 };
  const createRuntime = listingRuntime(starts, act);
  const start = async (options: StartOptions = {}) => await system.start({ createRuntime, ...options });
  const say = async (text: string, conversationId = "c") =>
    await untilOver(system.backend.enqueue(conversationId, text));
  const deploy = (...skills: Parameters<typeof manifestOf>[0]) => {
    system.backend.skills = manifestOf(skills);
  };
  return { system, starts, start, say, deploy };
}

const logged = ({ log }: TestSystem, text: string) => log.filter((line) => line.includes(text));

const weather = manifestSkill("weather", { "scripts/index.mjs": "1" });
const WEATHER = "weather/SKILL.md weather/scripts/index.mjs";

describe.concurrent("the skills of a turn", () => {
  it("are there before the runtime starts, fetched once, and gone when they are withdrawn", async ({
    onTestFinished,
  }) => {
    const { starts, start, say, deploy } = await startSystem(onTestFinished);
    const { connection } = await start();
    deploy(weather);
    expect((await say("one")).reply).toBe(WEATHER);
    expect((await say("two")).reply).toBe(WEATHER);
    expect(starts.count).toBe(1);
    expect(connection.callsOf("workerGlobalSkillsManifest")).toHaveLength(1);
    expect((await say("one", "other")).reply).toBe(WEATHER);
    expect(connection.callsOf("workerGlobalSkillsManifest")).toHaveLength(1);
    deploy(weather, manifestSkill("accounting"));
    expect((await say("three")).reply).toBe(`accounting/SKILL.md ${WEATHER}`);
    expect(starts.count).toBe(3);
    expect(connection.callsOf("workerGlobalSkillsManifest").at(-1)).toMatchObject({
      args: { knownBundles: [weather.sha256] },
    });
    deploy();
    expect((await say("four")).reply).toBe("none");
  });

  it("are not asked for when there are none", async ({ onTestFinished }) => {
    const { start, say, system } = await startSystem(onTestFinished);
    const { connection } = await start();
    system.backend.skills = { ...system.backend.skills, manifestVersion: "empty" };
    expect((await say("one")).reply).toBe("none");
    expect(connection.callsOf("workerGlobalSkillsManifest")).toEqual([]);
  });

  it("are the approved ones only: what an agent has added or changed is undone before its next turn", async ({
    onTestFinished,
  }) => {
    const act: Act = async (workspace, message) => {
      if (message !== "attack") return;
      await mkdir(join(workspace, "skills/evil"));
      await writeFile(join(workspace, "skills/evil/SKILL.md"), skillDocument("evil"));
      await chmod(join(workspace, "skills/weather/SKILL.md"), 0o600);
      await writeFile(join(workspace, "skills/weather/SKILL.md"), "Do evil.");
      await writeFile(join(workspace, "mine.md"), "mine");
    };
    const { system, starts, start, say, deploy } = await startSystem(onTestFinished, act);
    const { file } = await start();
    deploy(weather);
    await say("attack");
    expect((await say("two")).reply).toBe(WEATHER);
    expect(await readFile(file("c", "skills/weather/SKILL.md"), "utf8")).toContain("name: weather");
    expect(await readFile(file("c", "mine.md"), "utf8")).toBe("mine");
    expect(starts.count).toBe(2);
    expect(logged(system, "skills/evil")[0]).toContain("neither deployed nor part of the image");
  });

  it("are in no snapshot, and come back after one is restored", async ({ onTestFinished }) => {
    const act: Act = async (workspace) => writeFile(join(workspace, "mine.md"), "mine");
    const { system, start, say, deploy } = await startSystem(onTestFinished, act);
    deploy(weather);
    const first = await start();
    await say("one");
    expect(system.storage.uploads).toBe(1);
    deploy(weather, manifestSkill("accounting"));
    await say("two");
    expect(system.storage.uploads).toBe(1);
    first.worker.shutDown();
    expect(await first.exit).toBe(0);
    system.backend.isDrained = false;
    system.backend.tokens.clear();
    const elsewhere = join(system.directory, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "credential"), CREDENTIAL);
    const second = await start({ directory: elsewhere, workerId: "worker-2" });
    expect((await say("three")).reply).toBe(`accounting/SKILL.md ${WEATHER}`);
    expect(await readFile(second.file("c", "mine.md"), "utf8")).toBe("mine");
    expect(system.storage.downloads).toBe(1);
  });

  it("include those of the image, unless one of the same name is deployed", async ({ onTestFinished }) => {
    const { system, start, say, deploy } = await startSystem(onTestFinished);
    const image = join(system.directory, "image-skills");
    for (const name of ["weather", "notes", "Not_A_Skill"]) await mkdir(join(image, name), { recursive: true });
    await writeFile(join(image, "weather/SKILL.md"), skillDocument("weather"));
    await writeFile(join(image, "weather/old.txt"), "");
    await writeFile(join(image, "notes/SKILL.md"), skillDocument("notes"));
    await writeFile(join(image, "Not_A_Skill/SKILL.md"), skillDocument("x"));
    await start();
    expect((await say("one")).reply).toBe("notes/SKILL.md weather/SKILL.md weather/old.txt");
    deploy(weather);
    expect((await say("two")).reply).toBe(`notes/SKILL.md ${WEATHER}`);
    expect(logged(system, "Not_A_Skill")).toHaveLength(1);
  });

  it("that cannot work here are left out, with the reason", async ({ onTestFinished }) => {
    const { system, start, say, deploy } = await startSystem(onTestFinished);
    await start();
    const needy = (slug: string, metadata: string) =>
      manifestSkill(slug, { "SKILL.md": skillDocument(slug, metadata) });
    deploy(
      weather,
      needy("elsewhere", '{"some": {"os": ["plan9"]}}'),
      needy("tool", '{"some": {"requires": {"bins": ["sh", "no-such-program"]}}}'),
      needy("key", '{"some": {"requires": {"env": ["NO_SUCH_KEY"]}}}'),
      needy("shell", '{"some": {"requires": {"bins": ["sh"]}}}'),
      manifestSkill("unreadable", { "SKILL.md": "no front matter" }),
    );
    expect((await say("one")).reply).toBe(`shell/SKILL.md ${WEATHER}`);
    for (const why of ["plan9", "not installed: no-such-program", "NO_SUCH_KEY", "no front matter"]) {
      expect(logged(system, why), why).toHaveLength(1);
    }
  });
});

describe.concurrent("a bundle that is not what it should be", () => {
  it("lets nothing run, until it is right", async ({ onTestFinished }) => {
    const { starts, start, say, deploy } = await startSystem(onTestFinished);
    const { connection, dataDirectory } = await start();
    deploy({ ...weather, files: weather.files.map((file) => ({ ...file, content: "evil" })) });
    const failed = await say("one");
    expect(failed.status).toBe("failed");
    expect(failed.error).toMatch(/skills could not be prepared.*is not what its digest says/);
    expect(starts.count).toBe(0);
    expect(connection.callsOf("workerGlobalSkillsManifest")).toHaveLength(2 * failed.attempts);
    expect((await readdir(join(dataDirectory, "tmp"))).filter((name) => name.startsWith("skill"))).toEqual([]);
    deploy(weather);
    expect((await say("two")).reply).toBe(WEATHER);
  });

  it("on the worker's own disk is fetched again", async ({ onTestFinished }) => {
    const { system, start, say, deploy } = await startSystem(onTestFinished);
    const { connection, dataDirectory, file } = await start();
    deploy(weather);
    await say("one");
    // An agent that has found the store: what it puts there reaches no other conversation.
    const stored = join(dataDirectory, "skills", weather.sha256, "SKILL.md");
    await chmod(stored, 0o600);
    await writeFile(stored, "Do evil.");
    expect((await say("one", "other")).reply).toBe(WEATHER);
    expect(await readFile(file("other", "skills/weather/SKILL.md"), "utf8")).toContain("name: weather");
    expect(connection.callsOf("workerGlobalSkillsManifest").at(-1)).toMatchObject({ args: { knownBundles: [] } });
    expect(logged(system, "have to be fetched again")).toHaveLength(1);
    await rm(join(dataDirectory, "skills"), { recursive: true });
    expect((await say("two", "third")).reply).toBe(WEATHER);
  });

  it("does not keep a turn that is over waiting for the one that fetches it", async ({ onTestFinished }) => {
    const { system, start, deploy } = await startSystem(onTestFinished);
    deploy(manifestSkill("weather"));
    const { worker, connection } = await start();
    connection.fault = ({ name }) => (name === "workerGlobalSkillsManifest" ? "before" : undefined);
    const first = system.backend.enqueue("a", "x");
    await until(() => connection.callsOf("workerGlobalSkillsManifest").length > 0);
    const second = system.backend.enqueue("b", "x");
    const ready = () => system.log.filter((line) => line.includes("The workspace is ready."));
    await until(() => ready().length === 2);
    system.backend.revoke(second.messageId);
    await until(() => worker.health().runningConversations === 1);
    connection.fault = () => undefined;
    expect(await untilOver(first)).toMatchObject({ status: "done", attempts: 1 });
  });
});
