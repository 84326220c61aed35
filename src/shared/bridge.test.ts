import { describe, expect, it } from "vitest";
import { bridgeEnvironment, bridgeUrlProblem, type BridgeRuntimeConfig } from "./bridge.js";

const NOTHING: BridgeRuntimeConfig = {
  baseUrl: null,
  appBaseUrlMapJson: null,
  serviceId: null,
  appKey: null,
  serviceKey: null,
  serviceKeySecretRef: null,
  botIdentity: null,
};

describe("a bridge's URL", () => {
  it.each([
    "https://happy-otter-123.convex.site",
    "https://a.example/base",
    "http://localhost:3210",
    "http://127.0.0.1:1",
  ])("may be %s", (url) => expect(bridgeUrlProblem(url)).toBeNull());

  it.each([
    ["", "is not a URL"],
    ["happy-otter", "is not a URL"],
    ["http://a.example", "must start with https://"],
    ["http://localhost.evil.example", "must start with https://"],
    ["ftp://a.example", "must start with https://"],
    ["https://user:word@a.example", "user name or password"],
    ["https://a.example/?key=1", "query or a fragment"],
    ["https://a.example/#x", "query or a fragment"],
  ])("may not be %j", (url, why) => expect(bridgeUrlProblem(url)).toContain(why));
});

describe("the environment of a bridge", () => {
  it("holds what is known, under both names, and nothing else", () => {
    expect(
      bridgeEnvironment({ ...NOTHING, serviceKey: "key", baseUrl: "https://a.example", botIdentity: "bot" }),
    ).toEqual({
      OPENCLAW_SERVICE_KEY: "key",
      AGENT_BRIDGE_SERVICE_KEY: "key",
      OPENCLAW_AGENT_BRIDGE_BASE_URL: "https://a.example",
      AGENT_BRIDGE_BASE_URL: "https://a.example",
    });
  });

  it("is empty without a bridge", () => {
    expect(bridgeEnvironment(null)).toEqual({});
    expect(bridgeEnvironment(NOTHING)).toEqual({});
  });
});
