import { describe, expect, it } from "vitest";
import { environmentFrom } from "./turn-input.js";

const bridgeRuntimeConfig = {
  baseUrl: "https://a.example",
  appBaseUrlMapJson: null,
  serviceId: null,
  appKey: null,
  serviceKey: "sk-canary",
  serviceKeySecretRef: "agent-bridge.serviceKey",
  botIdentity: null,
};

describe("the environment of a turn", () => {
  it("has the agent's variables and those of its bridge, of which its own win", () => {
    const environment = { MODEL_KEY: "x", AGENT_BRIDGE_SERVICE_KEY: "own" };
    expect(environmentFrom({ environment, bridgeRuntimeConfig })).toEqual({
      MODEL_KEY: "x",
      OPENCLAW_AGENT_BRIDGE_BASE_URL: "https://a.example",
      AGENT_BRIDGE_BASE_URL: "https://a.example",
      OPENCLAW_SERVICE_KEY: "sk-canary",
      AGENT_BRIDGE_SERVICE_KEY: "own",
    });
    expect(environmentFrom({ environment, bridgeRuntimeConfig: null })).toEqual(environment);
  });

  it("refuses a value that no program can be given, without quoting it", () => {
    const environment = { MODEL_KEY: "x", PIN: "canary\0secret" };
    const message = "The value of PIN has a zero byte in it, which no variable can have.";
    const broken = () => environmentFrom({ environment, bridgeRuntimeConfig: null });
    expect(broken).toThrow(expect.objectContaining({ name: "TurnFailed", kind: "config_error", message }));
  });
});
