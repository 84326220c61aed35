/** The openclaw runtime's settings. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../config.js";
import { temporaryDirectory } from "../../testing/temporary.js";
import { CHAT_VARIABLES } from "../chat/settings.js";
import { configureRuntime, RUNTIME_NAMES } from "../registry.js";
import { OPENCLAW_VARIABLES, readOpenClawSettings } from "./settings.js";

describe("settings", () => {
  it("need nothing but an installed OpenClaw", async () => {
    const entry = join(await temporaryDirectory(), "openclaw.mjs");
    await writeFile(entry, "");
    expect(readOpenClawSettings({ [OPENCLAW_VARIABLES.entry]: entry })).toMatchObject({
      node: process.execPath,
      entry,
      turnTimeoutSeconds: 900,
      sendsPictures: true,
      operatorConfig: {},
      model: { keyVariable: "OPENAI_API_KEY", model: null },
    });
    const files = { [OPENCLAW_VARIABLES.entry]: entry, [OPENCLAW_VARIABLES.pictures]: "files" };
    expect(readOpenClawSettings(files).sendsPictures).toBe(false);
    expect(RUNTIME_NAMES).toContain("openclaw");
  });

  it("that cannot work are refused in one line when the worker starts", async () => {
    const directory = await temporaryDirectory();
    const entry = join(directory, "openclaw.mjs");
    await writeFile(entry, "");
    await writeFile(join(directory, "list.json"), "[]");
    await mkdir(join(directory, "folder"));
    const read = (change: Record<string, string>) => () =>
      configureRuntime("openclaw", { [OPENCLAW_VARIABLES.entry]: entry, ...change });
    expect(() => configureRuntime("openclaw", {})).toThrow(/There is no \/opt\/openclaw\/.*install OpenClaw, or set/);
    expect(read({ [OPENCLAW_VARIABLES.node]: "/no/such/node" })).toThrow(/There is no \/no\/such\/node/);
    expect(read({ [OPENCLAW_VARIABLES.entry]: "openclaw.mjs" })).toThrow(/must be an absolute path/);
    expect(read({ [OPENCLAW_VARIABLES.turnTimeoutSeconds]: "1" })).toThrow(/from 10 to 86400/);
    expect(read({ [OPENCLAW_VARIABLES.configFile]: join(directory, "list.json") })).toThrow(/one object/);
    expect(read({ [OPENCLAW_VARIABLES.configFile]: join(directory, "folder") })).toThrow(/cannot be read/);
    expect(read({ [OPENCLAW_VARIABLES.pictures]: "yes" })).toThrow(/must be "model" or "files"/);
    expect(read({ [CHAT_VARIABLES.baseUrl]: "nonsense" })).toThrow(ConfigError);
  });
});
