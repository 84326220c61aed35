/** The image's recipe, as far as it can be held without building it: what it copies exists, nothing in it is secret, its commands run. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { parseJson } from "./files.js";
import { startHealthServer } from "./lifecycle/health-server.js";
import { buildWorker } from "./testing/worker-process.js";
import { temporaryDirectory } from "./testing/temporary.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

type Instruction = { stage: string; name: string; text: string };

/** The instructions of a Dockerfile, each with the stage it belongs to; `""` before the first. */
function parseDockerfile(text: string): Instruction[] {
  const joined = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .replace(/\\\n/g, " ");
  let stage = "";
  let stages = 0;
  return joined
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      if (name === "FROM") stage = /\sAS\s+(\S+)$/.exec(rest)?.[1] ?? `stage ${++stages}`;
      return { stage, name, text: rest };
    });
}

/** The words of a COPY without its options; the last one is the target. */
const copied = (text: string) => text.split(/\s+/).filter((word) => !word.startsWith("--"));

let instructions: Instruction[];
const all = (name: string) => instructions.filter((instruction) => instruction.name === name);

beforeAll(async () => {
  instructions = parseDockerfile(await readFile(join(ROOT, "worker-image/Dockerfile"), "utf8"));
});

describe("the Dockerfile", () => {
  it("consists of known instructions, and builds every stage on one base that can be pinned", () => {
    const known = /^(ARG|FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT)$/;
    for (const { name, text } of instructions) expect(name, text).toMatch(known);
    const stages = new Set(instructions.map(({ stage }) => stage));
    for (const { text } of all("FROM")) {
      const [base = ""] = text.split(/\s+/);
      expect(base === "${NODE_IMAGE}" || stages.has(base), text).toBe(true);
    }
    expect(all("ARG").map(({ text }) => text)).toEqual([expect.stringMatching(/^NODE_IMAGE=.*node:24-slim$/)]);
  });

  it("copies only what exists, and from stages that exist", () => {
    const stages = new Set(instructions.map(({ stage }) => stage));
    for (const { text } of all("COPY")) {
      const from = /--from=(\S+)/.exec(text)?.[1];
      if (from !== undefined) expect(stages.has(from), text).toBe(true);
      else for (const path of copied(text).slice(0, -1)) expect(existsSync(join(ROOT, path)), path).toBe(true);
    }
  });

  it("runs as a user without rights, from files that are not its own, and holds no secret", () => {
    const final = instructions.filter(({ stage }) => stage === "worker");
    expect(final.filter(({ name }) => name === "USER").map(({ text }) => text)).toEqual(["node"]);
    const lateRoot = instructions.filter(({ name, text }) => name === "USER" && text !== "node");
    expect(lateRoot).toEqual([]);
    for (const { text } of final.filter(({ name }) => name === "COPY")) expect(text).toContain("--chown=root:root");
    for (const { name, text } of instructions) {
      if (["ENV", "ARG", "RUN"].includes(name)) expect(text).not.toMatch(/token|secret|password|key/i);
      if (name === "COPY") expect(text).not.toMatch(/\.(?:env|npmrc|pem)\b|\s\.\s/);
    }
    for (const { text } of [...all("ENTRYPOINT"), ...all("STOPSIGNAL")]) expect(text).toMatch(/^\[|^SIGTERM$/);
    for (const { text } of all("RUN")) if (text.includes("npm ci")) expect(text).toContain("--ignore-scripts");
  });

  it("is built in stages, of which only results reach the image: no sources, no package manager's doing", () => {
    expect(all("FROM").map(({ text, stage }) => [stage, text.split(" ")[0]])).toEqual([
      ["build", "${NODE_IMAGE}"],
      ["openclaw-install", "${NODE_IMAGE}"],
      ["worker", "${NODE_IMAGE}"],
      ["openclaw", "worker"],
      // Without a target, the last stage is what is built.
      [expect.stringMatching(/^stage/), "worker"],
    ]);
    const shipped = instructions.filter(({ stage }) => !["", "build", "openclaw-install"].includes(stage));
    for (const { name, text } of shipped) {
      if (name === "COPY") expect(text).toMatch(/--from=(build|openclaw-install) .*--chown=root:root/);
      if (name === "RUN") expect(text).not.toMatch(/npm|apt|curl|wget|chmod|sh -c/);
    }
  });

  it("leaves two folders for the worker to write to, so that its root may be read-only", () => {
    const [run = { text: "" }, ...others] = all("RUN").filter(({ stage }) => stage === "worker");
    expect(others).toEqual([]);
    const folders = run.text.split("&&").map((command) => command.trim());
    const owned = folders
      .filter((command) => command.includes("--owner=node"))
      .map((command) => command.split(" ").at(-1));
    expect(owned).toEqual(["/data", "/run/agent-factory"]);
    expect(all("WORKDIR").at(-1)?.text).toBe("/data");
  });

  it("starts a file that the build makes", async () => {
    const built = await buildWorker(await temporaryDirectory());
    const entry: unknown = JSON.parse(all("ENTRYPOINT")[0]?.text ?? "[]");
    expect(entry).toEqual(["node", "/app/main.mjs"]);
    const sources = all("COPY").filter(({ text }) => text.includes("--from=build"));
    expect(copied(sources[0]?.text ?? "").map((path) => path.split("/").at(-1))).toEqual([
      "main.mjs",
      "main.mjs.map",
      "",
    ]);
    for (const name of ["main.mjs", "main.mjs.map"]) expect(existsSync(join(built, "..", name))).toBe(true);
  });

  it("asks after its health with a command that works", async () => {
    const text = all("HEALTHCHECK")[0]?.text ?? "";
    const command: unknown = JSON.parse(text.slice(text.indexOf("[")));
    if (!Array.isArray(command)) throw new Error("The health check is no list of words.");
    const [, ...args] = command.map(String);
    const report = { state: "running", runtime: "echo", runningConversations: 0, backendConnected: true };
    const server = await startHealthServer(["127.0.0.1"], 0, () => report);
    const check = async () =>
      await promisify(execFile)(process.execPath, args, {
        env: { AGENT_FACTORY_HEALTH_PORT: String(server.port) },
      }).then(
        () => 0,
        () => 1,
      );
    expect(await check()).toBe(0);
    await server.close();
    expect(await check()).toBe(1);
  });
});

describe("fly.toml", () => {
  /** `section.key = value`, the value as it stands there; no more of the format is used. */
  const read = async () => {
    let section = "";
    const values = new Map<string, unknown>();
    for (const line of (await readFile(join(ROOT, "worker-image/fly.toml"), "utf8")).split("\n")) {
      section = /^\[\[?(\w+)\]\]?$/.exec(line.trim())?.[1] ?? section;
      const [, key = "", value = ""] = /^\s*(\w+) = (.+)$/.exec(line) ?? [];
      if (key !== "" && !line.startsWith("#")) values.set(section === "" ? key : `${section}.${key}`, parseJson(value));
    }
    return Object.fromEntries(values);
  };

  it("builds this Dockerfile, ends machines as the worker wants to be ended, and opens no port", async () => {
    expect(await read()).toEqual({
      "build.dockerfile": "Dockerfile",
      kill_signal: all("STOPSIGNAL")[0]?.text,
      kill_timeout: "30s",
      "restart.policy": "never",
      "vm.size": "shared-cpu-1x",
      "vm.memory": "512mb",
    });
  });
});
