/** The stock CLI, as a process, against the backend: run, data, env, function-spec. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ConvexHttpClient } from "convex/browser";
import { CHAT_PROJECT, chat } from "./server/testing/chat.js";
import { eventually } from "./server/testing/eventually.js";
import { startEmbeddedConvex, type EmbeddedConvex } from "./start.js";

const CLI = join(dirname(createRequire(import.meta.url).resolve("convex/package.json")), "bin", "main.js");

let backend: EmbeddedConvex;
let directory: string;
beforeAll(async () => {
  backend = await startEmbeddedConvex({ projectDirectory: CHAT_PROJECT, dataDirectory: null });
  directory = await mkdtemp(join(tmpdir(), "embedded-cli-"));
  await writeFile(join(directory, "package.json"), JSON.stringify({ private: true, dependencies: { convex: "*" } }));
  await writeFile(join(directory, "convex.json"), JSON.stringify({ functions: "convex/" }));
  const client = new ConvexHttpClient(backend.cloudUrl, { logger: false });
  for (const text of ["one", "two", "three"]) await client.mutation(chat.send, { room: "cli", author: "a", text });
});
afterAll(async () => {
  await backend.close();
  await rm(directory, { recursive: true, force: true });
});

function spawnCli(args: string[], adminKey = backend.adminKey) {
  return spawn(process.execPath, [CLI, ...args, "--url", backend.cloudUrl, "--admin-key", adminKey], {
    cwd: directory,
    // Nothing of the developer's own: no deployment, no login, no telemetry.
    env: { PATH: process.env["PATH"], HOME: join(directory, "home"), CI: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function cli(
  args: string[],
  adminKey?: string,
): Promise<{ status: number | null; output: string; errors: string }> {
  const child = spawnCli(args, adminKey);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await once(child, "close");
  return { status: child.exitCode, output: output.trim(), errors };
}

// Every command is a process that takes about half a second to start; on a machine that is busy, several.
vi.setConfig({ testTimeout: 90_000 });

describe("convex run", () => {
  it("runs queries, mutations and actions, public and internal", async () => {
    expect(await cli(["run", "messages:send", '{"room":"run","author":"me","text":"hi"}'])).toMatchObject({
      status: 0,
      output: "1",
    });
    expect(await cli(["run", "api.messages.sendTwice", '{"room":"run","author":"me","text":"hi"}'])).toMatchObject({
      output: "[\n  2,\n  3\n]",
    });
    expect(await cli(["run", "messages:total"])).toMatchObject({ status: 0, output: "6" });
  });

  it("acts as somebody", async () => {
    const { output } = await cli([
      "run",
      "messages:whoAmI",
      "--identity",
      '{"name":"Zed","subject":"z","issuer":"https://i"}',
    ]);
    expect(JSON.parse(output)).toEqual({
      name: "Zed",
      subject: "z",
      issuer: "https://i",
      tokenIdentifier: "https://i|z",
    });
  });

  it("lists what there is when a function does not exist, and fails when one fails", async () => {
    const [missing, failed] = await Promise.all([
      cli(["run", "messages:nope"]),
      cli(["run", "messages:send", '{"room":"run","author":"me","text":""}']),
    ]);
    expect(missing.status).toBe(1);
    expect(missing.errors).toMatch(/Could not find function/);
    expect(missing.errors).toMatch(/messages:sendLater/);
    expect(failed.status).toBe(1);
    expect(failed.errors).toMatch(/empty/);
  });

  it("watches", async () => {
    const child = spawnCli(["run", "messages:count", '{"room":"watched"}', "--watch"]);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    await eventually(() => expect(output).toBe("0\n"));
    await new ConvexHttpClient(backend.cloudUrl, { logger: false }).mutation(chat.send, {
      room: "watched",
      author: "a",
      text: "b",
    });
    await eventually(() => expect(output).toBe("0\n1\n"));
    child.kill("SIGINT");
    await once(child, "close");
  });

  it("is refused with a wrong key, and told that inline queries are not run", async () => {
    const [wrong, inline] = await Promise.all([
      cli(["run", "messages:total"], "0".repeat(64)),
      cli(["run", "--inline-query", "1 + 1"]),
    ]);
    expect(wrong.errors).toMatch(/admin key is not the one/);
    expect(inline.status).toBe(1);
    expect(inline.errors).toMatch(/does not run inline queries/);
  });
});

describe("convex data", () => {
  it("lists tables and prints documents", async () => {
    expect(await cli(["data"])).toMatchObject({ status: 0, output: "messages\nrooms" });
    const { output } = await cli(["data", "messages", "--format", "jsonl", "--limit", "2", "--order", "asc"]);
    expect(output.split("\n").map((line) => /"text": "(\w+)"/.exec(line)?.[1])).toEqual(["one", "two"]);
    const table = await cli(["data", "messages", "--limit", "1"]);
    expect(table.output).toMatch(/_id.*_creationTime.*author.*room.*text/);
    expect(table.errors).toMatch(/Showing the 1 most recently created document/);
  });
});

describe("convex env", () => {
  it("sets, gets, lists and removes", async () => {
    expect((await cli(["env", "set", "GREETING", "hello there"])).status).toBe(0);
    expect(await cli(["env", "get", "GREETING"])).toMatchObject({ status: 0, output: "hello there" });
    expect((await cli(["env", "list", "--include-values"])).output).toMatch(/^GREETING=.*hello there/);
    expect((await cli(["env", "set", "1WRONG", "x"])).errors).toMatch(/EnvVarNameInvalid/);
    expect((await cli(["env", "remove", "GREETING"])).status).toBe(0);
    expect((await cli(["env", "list"])).errors).toMatch(/No environment variables set/);
  });
});

describe("convex function-spec", () => {
  it("describes every function", async () => {
    const { output, status } = await cli(["function-spec"]);
    expect(status).toBe(0);
    const spec = JSON.parse(output) as { url: string; functions: { identifier?: string; path?: string }[] };
    expect(spec.url).toBe(backend.cloudUrl);
    expect(spec.functions.find(({ identifier }) => identifier === "messages.js:count")).toEqual({
      identifier: "messages.js:count",
      functionType: "Query",
      visibility: { kind: "public" },
      args: { type: "object", value: { room: { fieldType: { type: "string" }, optional: false } } },
      returns: { type: "number" },
    });
    expect(spec.functions.find(({ identifier }) => identifier === "messages.js:total")).toMatchObject({
      visibility: { kind: "internal" },
    });
  });
});
