/** What a gateway is configured with, and what it is never told. */
import { describe, expect, it } from "vitest";
import { turnInput } from "../../testing/turn-input.js";
import { gatewayConfig, gatewayEnvironment } from "./gateway-config.js";
import { gatewayIdentity } from "./gateway.js";
import { overlay } from "./json.js";
import type { OpenClawSettings } from "./settings.js";

const settings: OpenClawSettings = {
  node: "/usr/bin/node",
  entry: "/opt/openclaw.mjs",
  turnTimeoutSeconds: 600,
  sendsPictures: true,
  operatorConfig: {},
  model: {
    baseUrl: "https://models.example/v1",
    model: "small",
    keyVariable: "MODEL_KEY",
    contextTokens: 50_000,
    maxOutputTokens: 4_000,
    price: { input: 1.5, output: 6 },
  },
};
const context = { workspaceDirectory: "/d/workspace", stateDirectory: "/d/state", temporaryDirectory: "/t" };
const gateway = { port: 4_711, token: "gateway-token-0123456789" };
const model = { baseUrl: "http://127.0.0.1:4712/v1", token: "model-token-0123456789" };
const environment = { MODEL_KEY: "the-key-of-the-provider", GITHUB_TOKEN: "the-token-of-the-agent" };
const input = turnInput({ message: "", environment });

const configure = (change: Partial<OpenClawSettings> = {}, given = input) =>
  gatewayConfig({ ...settings, ...change }, given, context, gateway, model, "small");

describe("the configuration of a gateway", () => {
  it("binds it to loopback, to its folders, to the worker's own model, and to a token of this start", () => {
    expect(configure()).toMatchObject({
      gateway: { mode: "local", bind: "loopback", port: 4_711, auth: { mode: "token" }, controlUi: { enabled: false } },
      logging: { file: "/t/gateway.log" },
      cron: { enabled: false },
      update: { checkOnStart: false },
      plugins: { enabled: false },
      tools: { loopDetection: { enabled: true }, exec: { mode: "full" } },
      agents: {
        defaults: {
          workspace: "/d/workspace",
          skipBootstrap: true,
          timeoutSeconds: 600,
          model: { primary: "worker/small" },
          heartbeat: { every: "0m" },
        },
      },
      models: {
        mode: "replace",
        providers: {
          worker: {
            baseUrl: model.baseUrl,
            models: [
              {
                id: "small",
                input: ["text", "image"],
                contextWindow: 50_000,
                maxTokens: 4_000,
                cost: { input: 1.5, output: 6, cacheRead: 1.5, cacheWrite: 1.5 },
              },
            ],
          },
        },
      },
    });
  });

  it("holds no secret: tokens are named, not written", () => {
    const text = JSON.stringify(configure());
    for (const secret of [gateway.token, model.token, ...Object.values(environment)])
      expect(text).not.toContain(secret);
    expect(text).toContain("${OPENCLAW_GATEWAY_TOKEN}");
    expect(text).toContain("${AGENT_FACTORY_MODEL_TOKEN}");
  });

  it("takes what the operator adds, but never what the worker relies on", () => {
    const operatorConfig = {
      plugins: { enabled: true },
      tools: { loopDetection: { enabled: false }, web: { search: { enabled: true } } },
      gateway: { bind: "lan", port: 1, http: { endpoints: {} } },
      agents: { defaults: { workspace: "/elsewhere", thinking: "low" } },
      models: { providers: { other: { baseUrl: "https://other.example" } } },
    };
    const config = configure({ operatorConfig });
    expect(config).toMatchObject({
      plugins: { enabled: true },
      tools: { loopDetection: { enabled: false }, exec: { mode: "full" }, web: { search: { enabled: true } } },
      gateway: { bind: "loopback", port: 4_711, http: { endpoints: {} } },
      agents: { defaults: { workspace: "/d/workspace", thinking: "low" } },
    });
  });

  it("allows the tools of the agent's profile only, when it names any", () => {
    expect(JSON.stringify(configure())).not.toContain('"allow"');
    const agent = { ...input.agent, tools: ["read", "write"] };
    expect(configure({}, { ...input, agent })).toMatchObject({ tools: { allow: ["read", "write"] } });
  });

  it("says that a model takes no pictures", () => {
    expect(configure({ sendsPictures: false })).toMatchObject({
      models: { providers: { worker: { models: [{ input: ["text"] }] } } },
    });
  });

  it("charges nothing when no price is known", () => {
    expect(JSON.stringify(configure({ model: { ...settings.model, price: null } }))).not.toContain('"cost"');
  });
});

describe("the environment of a gateway", () => {
  const worker = {
    PATH: "/bin",
    FLY_REGION: "fra",
    AGENT_FACTORY_CONVEX_URL: "https://x.convex.cloud",
    NODE_OPTIONS: "--inspect",
    SOMETHING_PRIVATE: "x",
  };
  const of = (variables: Record<string, string>) =>
    gatewayEnvironment(settings, { ...input, environment: variables }, context, gateway, model.token, worker);

  it("has the agent's variables and the machine's, without the model's key and without the worker's own", () => {
    const made = of(environment);
    expect(made).toMatchObject({
      GITHUB_TOKEN: environment.GITHUB_TOKEN,
      FLY_REGION: "fra",
      HOME: "/t/home",
      TMPDIR: "/t/tmp",
      OPENCLAW_STATE_DIR: "/d/state",
      OPENCLAW_CONFIG_PATH: "/t/openclaw.json",
      OPENCLAW_GATEWAY_TOKEN: gateway.token,
      AGENT_FACTORY_MODEL_TOKEN: model.token,
    });
    expect(Object.values(made)).not.toContain(environment.MODEL_KEY);
    for (const name of ["MODEL_KEY", "AGENT_FACTORY_CONVEX_URL", "NODE_OPTIONS", "SOMETHING_PRIVATE"]) {
      expect(made).not.toHaveProperty(name);
    }
  });

  it("cannot be bent by an agent's variable", () => {
    const made = of({ OPENCLAW_STATE_DIR: "/x", NODE_OPTIONS: "-r x", LD_PRELOAD: "x", HOME: "/x", PATH: "/x" });
    expect(made).toMatchObject({ OPENCLAW_STATE_DIR: "/d/state", HOME: "/t/home" });
    expect(made["PATH"]).not.toBe("/x");
    expect(made).not.toHaveProperty("NODE_OPTIONS");
    expect(made).not.toHaveProperty("LD_PRELOAD");
  });
});

describe("a gateway", () => {
  it("is shared by turns that differ in nothing a process is told at its start", () => {
    const identity = gatewayIdentity(input);
    const { agent } = input;
    expect(gatewayIdentity({ agent: { ...agent, version: "2", instructions: "x" }, environment })).toBe(identity);
    const reordered = { GITHUB_TOKEN: environment.GITHUB_TOKEN, MODEL_KEY: environment.MODEL_KEY };
    expect(gatewayIdentity({ agent, environment: reordered })).toBe(identity);
    expect(gatewayIdentity({ agent: { ...agent, model: "large" }, environment })).not.toBe(identity);
    expect(gatewayIdentity({ agent: { ...agent, tools: [] }, environment })).not.toBe(identity);
    expect(gatewayIdentity({ agent, environment: { ...environment, GITHUB_TOKEN: "y" } })).not.toBe(identity);
    expect(identity).not.toContain(environment.MODEL_KEY);
  });
});

describe("laying one object over another", () => {
  it("merges objects and replaces everything else", () => {
    expect(overlay({ a: { b: 1, c: [1] }, d: 1 }, { a: { c: [2] }, d: { e: 1 } })).toEqual({
      a: { b: 1, c: [2] },
      d: { e: 1 },
    });
    const polluted: unknown = JSON.parse('{"__proto__":{"polluted":true}}');
    if (typeof polluted === "object" && polluted !== null) overlay({}, { ...polluted });
    expect({}).not.toHaveProperty("polluted");
  });
});
