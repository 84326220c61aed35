import { describe, expect, it } from "vitest";
import { bridgeFunctionKeyFromToolName, isBridgeToolName, resolveBridgeRuntimeConfig } from "./bridge.js";
import type { BridgeRuntimeConfig } from "../shared/bridge.js";

const HYDRATED: BridgeRuntimeConfig = {
  baseUrl: "https://a.example",
  appBaseUrlMapJson: null,
  serviceId: "service",
  appKey: "crm",
  serviceKey: "sk-canary",
  serviceKeySecretRef: "agent-bridge.serviceKey",
  botIdentity: null,
};

describe("resolving a bridge", () => {
  it("takes what hydration gave, whatever the environment says", () => {
    const environment = { AGENT_BRIDGE_BASE_URL: "https://not-this.example", OPENCLAW_SERVICE_KEY: "not this" };
    expect(resolveBridgeRuntimeConfig(HYDRATED, environment)).toEqual({
      ok: true,
      config: {
        baseUrl: "https://a.example",
        serviceId: "service",
        serviceKey: "sk-canary",
        appKey: "crm",
        appBaseUrls: {},
      },
    });
  });

  it("falls back to the environment where hydration has nothing, and trims", () => {
    const environment = {
      OPENCLAW_AGENT_BRIDGE_BASE_URL: " https://env.example\n",
      AGENT_BRIDGE_SERVICE_ID: "env service",
      OPENCLAW_SERVICE_KEY: "env key",
      AGENT_BRIDGE_APP_KEY: "env app",
      APP_BASE_URL_MAP_JSON: '{"billing":"https://billing.example"}',
    };
    expect(resolveBridgeRuntimeConfig(null, environment)).toEqual({
      ok: true,
      config: {
        baseUrl: "https://env.example",
        serviceId: "env service",
        serviceKey: "env key",
        appKey: "env app",
        appBaseUrls: { billing: "https://billing.example" },
      },
    });
  });

  it("names all that is missing", () => {
    const resolved = resolveBridgeRuntimeConfig({ ...HYDRATED, serviceKey: " ", appKey: null });
    expect(resolved).toMatchObject({ ok: false });
    if (resolved.ok) throw new Error("It was resolved.");
    expect(resolved.error).toMatch(/: appKey, serviceKey missing\./);
  });

  it.each([
    [{ baseUrl: "http://a.example" }, /\(baseUrl\) must start with https/],
    [{ appBaseUrlMapJson: "[]" }, /appBaseUrlMapJson is not/],
    [{ appBaseUrlMapJson: "{" }, /appBaseUrlMapJson is not/],
    [{ appBaseUrlMapJson: '{"crm":1}' }, /appBaseUrlMapJson is not/],
    [{ appBaseUrlMapJson: '{"crm":"http://a.example"}' }, /\(crm\) must start with https/],
  ])("refuses %j", (change, why) => {
    const resolved = resolveBridgeRuntimeConfig({ ...HYDRATED, ...change });
    if (resolved.ok) throw new Error("It was resolved.");
    expect(resolved.error).toMatch(why);
    expect(resolved.error).not.toContain("canary");
  });
});

describe("a tool's name", () => {
  it.each([
    ["agent-bridge.cart.calculatePrice", "cart.calculatePrice"],
    ["agent-bridge__cart__calculatePrice", "cart.calculatePrice"],
    ["agent-bridge__cart__add_item", "cart.add_item"],
  ])("%s stands for %s", (toolName, key) => {
    expect(bridgeFunctionKeyFromToolName(toolName)).toBe(key);
    expect(isBridgeToolName(toolName)).toBe(true);
  });

  it.each([
    "",
    "read",
    "agent-bridge",
    "agent-bridge.",
    "agent-bridge__",
    "agent-bridge.a..b",
    "agent-bridge.a/b",
    "x.agent-bridge.a",
  ])("%j is none of a bridge", (toolName) => expect(isBridgeToolName(toolName)).toBe(false));

  it("is not without end", () => {
    expect(isBridgeToolName(`agent-bridge.${"a".repeat(201)}`)).toBe(false);
  });
});
