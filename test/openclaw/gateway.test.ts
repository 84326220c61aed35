/** The real gateway looked at closely: what it is told, what it costs, what it survives, and what it never gets to know. */
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { RuntimeNotStarted } from "../../worker-image/src/runtimes/runtime.js";
import { OPENCLAW_VARIABLES } from "../../worker-image/src/runtimes/openclaw/settings.js";
import { digestTree } from "../../worker-image/src/snapshots/tree-digest.js";
import { scanTree } from "../../worker-image/src/snapshots/tree-scan.js";
import type { ModelRequest } from "../../worker-image/src/testing/model-stub.js";
import { sleep } from "../../worker-image/src/timing.js";
import { directRuntime, MODEL_KEY, textOf } from "./direct.js";
import { installOpenClaw } from "./installation.js";
import { findGateway, processesWith } from "./processes.js";

async function writeSkill(workspace: string, folder: string, name: string): Promise<void> {
  await mkdir(join(workspace, folder, name), { recursive: true });
  const document = `---\nname: ${name}\ndescription: Knows the ${name}.\n---\n\nLook at the ${name}.\n`;
  await writeFile(join(workspace, folder, name, "SKILL.md"), document);
}

/** Which of the tests' skills the model is told of. */
function offeredSkills(request: ModelRequest | undefined): string[] {
  const told = request?.messages.map(({ content }) => content).join("\n") ?? "";
  return [...new Set(Array.from(told.matchAll(/Knows the (\w+)\./g), ([, name]) => name ?? ""))];
}

/** An installation has 40,000 files, and a system only so many handles. */
const STATS_AT_ONCE = 500;

/** Files and folders below `root` that were made, changed or renamed since. */
async function changedSince(root: string, sinceMs: number): Promise<string[]> {
  const changed: string[] = [];
  const look = async (path: string) => {
    if ((await lstat(path)).ctimeMs >= sinceMs) changed.push(path);
  };
  const entries = await readdir(root, { recursive: true });
  for (let begin = 0; begin < entries.length; begin += STATS_AT_ONCE) {
    await Promise.all(entries.slice(begin, begin + STATS_AT_ONCE).map((entry) => look(join(root, entry))));
  }
  return changed;
}

describe("a gateway", () => {
  it("answers with tools, tokens and costs, knows no key, and gets over a refusal and its own death", async () => {
    const begin = Date.now();
    const { runtime, root, context, stub, log, start, turn } = await directRuntime();
    await writeSkill(context.workspaceDirectory, "skills", "lighthouse");
    await start();

    // Another runtime has had the conversation before: what was said then is told with the first message, and never again.
    const earlier = [
      { role: "user" as const, content: "remember that the dog is called Rex", at: 1 },
      { role: "assistant" as const, content: "I shall remember.", at: 2 },
    ];
    const written = await turn("remember that the cat is called Minou", () => {}, earlier);
    expect(textOf(written)).toBe("I have written down Minou.");
    expect(await readFile(join(context.workspaceDirectory, "notes.md"), "utf8")).toBe("the cat: Minou\n");
    expect(written.filter(({ type }) => type === "tool")).toMatchObject([
      { call: { toolName: "write", status: "running" } },
      { call: { toolName: "write", status: "done" } },
    ]);
    // Two requests of 1,000 and 100 tokens at 1 and 2 USD a million.
    const usage = written.find((event) => event.type === "usage")?.usage;
    expect(usage).toMatchObject({ inputTokens: 2_000, outputTokens: 200 });
    expect(usage?.costUsd).toBeCloseTo(0.002 + 0.0004, 9);
    expect(new Set(stub.requests.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${MODEL_KEY}`]));

    expect(offeredSkills(stub.requests[0])).toEqual(["lighthouse"]);

    // The agent's own variables reach its shell; the model's key does not, nor is it anywhere else.
    await writeSkill(context.workspaceDirectory, "newer", "harbor");
    await rm(join(context.workspaceDirectory, "skills"), { recursive: true });
    await rename(join(context.workspaceDirectory, "newer"), join(context.workspaceDirectory, "skills"));
    const printed = textOf(await turn("run echo $PLAIN_VARIABLE; printenv OPENAI_API_KEY || echo no key"));
    expect(printed).toContain("of-the-agent");
    expect(printed).toContain("no key");
    expect(await processesWith(MODEL_KEY)).toEqual([]);
    // Skills that were replaced between two turns are those of the next one.
    expect(offeredSkills(stub.requests.at(-1))).toEqual(["harbor"]);

    // A refused key is said at once and held against nobody: the next turn asks again.
    const refused = await turn("refuse 401");
    expect(refused.at(-1)).toMatchObject({ type: "error", failure: { kind: "unauthorized" } });
    expect((await turn("refuse 402")).at(-1)).toMatchObject({ type: "error", failure: { kind: "budget_exceeded" } });
    expect(textOf(await turn("What is the cat called?", () => {}, earlier))).toContain(
      "called Rex or Minou, as you said",
    );

    // A model that repeats itself is stopped, and the message is not tried again.
    const circling = stub.requests.length;
    expect((await turn("go in circles")).at(-1)).toMatchObject({ type: "error", failure: { kind: "budget_exceeded" } });
    expect(stub.requests.length - circling).toBeLessThan(40);

    const config = await readFile(join(context.temporaryDirectory, "openclaw.json"), "utf8");
    expect(config).not.toContain(MODEL_KEY);

    // What the agent leaves running ends with its turn, and nothing begins by itself: the files stand still.
    const ticks = async () => await readFile(join(context.workspaceDirectory, "ticks"), "utf8");
    await turn("run (while true; do date >> ticks; sleep 0.1; done) >/dev/null 2>&1 & echo started");
    await expect.poll(async () => (await ticks().catch(() => "")).length, { timeout: 20_000 }).toBeGreaterThan(0);
    const asked = stub.requests.length;
    const resume = await runtime.quiesce();
    const before = await ticks();
    const digest = async () => await digestTree(root, (await scanTree(root, runtime.snapshotExcludes())).entries);
    // A write that was under way may still land, which a checkpoint meets by scanning again; after that, nothing does.
    const standsStill = async () => {
      const first = await digest();
      await sleep(1_500);
      return (await digest()) === first;
    };
    await expect.poll(async () => await standsStill().catch(() => false), { timeout: 20_000 }).toBe(true);
    expect(await ticks()).toBe(before);
    await resume();
    expect(stub.requests).toHaveLength(asked);
    expect((await runtime.health()).isHealthy).toBe(true);

    // Killed between turns, it is started anew and goes on; killed in a turn, that turn fails and may be tried again.
    await start();
    process.kill((await findGateway(context.stateDirectory))?.pid ?? 0, "SIGKILL");
    await expect.poll(async () => (await runtime.health()).isHealthy, { timeout: 20_000 }).toBe(false);
    await runtime.stop();
    await start();
    expect(textOf(await turn("What is the cat called?"))).toContain("Minou");
    const gateway = await findGateway(context.stateDirectory);
    const killed = await turn("speak long", (event) => {
      if (event.type === "text" && gateway !== undefined) process.kill(gateway.pid, "SIGKILL");
    });
    expect(killed.at(-1)).toMatchObject({ type: "error", failure: { kind: "runtime_crashed" } });
    await runtime.stop();
    expect(await processesWith(`OPENCLAW_STATE_DIR=${context.stateDirectory}`)).toEqual([]);
    expect(log.join("")).not.toContain(MODEL_KEY);

    // The image has it read-only.
    const { entry } = await installOpenClaw();
    expect(await changedSince(dirname(entry), begin)).toEqual([]);
  });

  it("whose configuration is wrong says what is wrong, once", async () => {
    const setting = await directRuntime();
    const configFile = join(setting.context.temporaryDirectory, "operator.json");
    await writeFile(configFile, JSON.stringify({ nonsense: true }));
    const { start } = await directRuntime({ [OPENCLAW_VARIABLES.configFile]: configFile });
    const error: unknown = await start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RuntimeNotStarted);
    expect(error).toMatchObject({ kind: "config_error" });
    expect(String(error)).toContain("nonsense");
  });
});
