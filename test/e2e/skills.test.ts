/** A skill from its deployment to a worker's disk, through a real backend and real worker processes. */
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation } from "../../dev/demo/conversation.js";
import { waitForWorker } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { api } from "../../example/convex/_generated/api.js";
import { prepareSkillFiles } from "../../src/client/index.js";

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ policy: { maxWorkers: 1 } });
});

afterAll(async () => {
  await stack.close();
});

const SKILL = "---\nname: weather\ndescription: Tells the weather\n---\nLook out of the window.\n";

async function deploy(version: string, contents: Record<string, string>) {
  const files = await prepareSkillFiles(contents);
  return await stack.operator.mutation(api.agentFactory.globalSkillsDeploy, { slug: "weather", version, files });
}

/** The one workspace of the machine. */
function workspaceOf(machineId: string): string {
  const root = stack.fly.machine(machineId)?.rootDirectory ?? "/nowhere";
  const conversations = join(root, "data/conversations");
  const [key, ...others] = readdirSync(conversations).filter((name) => !name.startsWith("."));
  if (key === undefined || others.length > 0) throw new Error("There is not exactly one workspace.");
  return join(conversations, key, "workspace");
}

describe("a deployed skill", () => {
  it("is in the workspace with the next turn, in its newest version, and gone once it is switched off", async () => {
    // As large as a file may be, and full of what JSON has to escape.
    const table = '\u0001\n"\u20ac"'.repeat(40_000);
    await deploy("1", { "SKILL.md": SKILL, "scripts/index.mjs": "export default 1;\n", "data/table.txt": table });
    const conversation = await openConversation(stack.cloudUrl);
    await conversation.ask("remember one");
    const { machineId } = await waitForWorker(stack, ({ status }) => status === "active");
    const workspace = workspaceOf(machineId ?? "");
    const read = async (path: string) => await readFile(join(workspace, "skills", path), "utf8");
    expect(await read("weather/SKILL.md")).toBe(SKILL);
    expect(await read("weather/data/table.txt")).toBe(table);

    await mkdir(join(workspace, "skills/evil"));
    await writeFile(join(workspace, "skills/evil/SKILL.md"), SKILL);
    await deploy("2", { "SKILL.md": `${SKILL}Or ask.\n` });
    const skills = await stack.operator.query(api.agentFactory.globalSkillsList, {});
    expect(skills).toMatchObject([{ slug: "weather", activeRelease: { version: "2" } }]);
    await conversation.ask("remember two");
    expect(readdirSync(join(workspace, "skills"), { recursive: true }).sort()).toEqual(["weather", "weather/SKILL.md"]);
    expect(await read("weather/SKILL.md")).toBe(`${SKILL}Or ask.\n`);

    await stack.operator.mutation(api.agentFactory.globalSkillsSetStatus, { slug: "weather", status: "disabled" });
    const { reply } = await conversation.ask("list notes");
    expect(reply).toContain("2. two");
    await expect(access(join(workspace, "skills"))).rejects.toThrow("ENOENT");
    await conversation.close();
  });
});
