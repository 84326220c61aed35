/** Settings that cannot work are refused at the worker's start, with what to change. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../config.js";
import { configureRuntime } from "../registry.js";
import { conversation, failureOf } from "./testing/conversation.js";

describe("settings", () => {
  const wrong: [string, Record<string, string>, RegExp][] = [
    ["an address that is none", { AGENT_FACTORY_CHAT_BASE_URL: "models" }, /must be a URL/],
    ["an address with a password", { AGENT_FACTORY_CHAT_BASE_URL: "https://a:b@c.example/v1" }, /neither a user name/],
    ["a variable's name that is none", { AGENT_FACTORY_CHAT_KEY_VARIABLE: "my key" }, /name of a variable/],
    [
      "more output than context",
      { AGENT_FACTORY_CHAT_CONTEXT_TOKENS: "2000", AGENT_FACTORY_CHAT_MAX_OUTPUT_TOKENS: "1500" },
      /at most half/,
    ],
    ["one price of two", { AGENT_FACTORY_CHAT_USD_PER_MILLION_INPUT_TOKENS: "2" }, /Set both/],
    ["a price that is none", { AGENT_FACTORY_CHAT_USD_PER_MILLION_INPUT_TOKENS: "cheap" }, /amount in USD/],
  ];
  for (const [what, environment, message] of wrong) {
    it(`refuse ${what}`, () => {
      expect(() => configureRuntime("chat", environment)).toThrow(ConfigError);
      expect(() => configureRuntime("chat", environment)).toThrow(message);
    });
  }

  it("without a model fail the turn with what to do about it", async () => {
    const { turn } = await conversation(() => ({ text: ["hello"] }), { AGENT_FACTORY_CHAT_MODEL: "" });
    expect(failureOf(await turn("go"))).toMatchObject({
      kind: "config_error",
      message: /Set AGENT_FACTORY_CHAT_MODEL/,
    });
  });
});
