import { ConvexError } from "convex/values";
import { describe, expect, it } from "vitest";
import { agentFactoryError, isAgentFactoryError } from "./errors.js";

describe("the error guard", () => {
  it("recognizes this package's errors, and their kind", () => {
    const error = agentFactoryError("lease_lost", "Discard the turn.");
    expect(isAgentFactoryError(error)).toBe(true);
    expect(isAgentFactoryError(error, "lease_lost")).toBe(true);
    expect(isAgentFactoryError(error, "forbidden")).toBe(false);
  });

  it("carries the argument at fault only when there is one", () => {
    expect(agentFactoryError("invalid_argument", "Too long.", { argument: "text" }).data).toEqual({
      kind: "invalid_argument",
      message: "Too long.",
      argument: "text",
    });
    expect(agentFactoryError("not_found", "Gone.").data).toEqual({ kind: "not_found", message: "Gone." });
  });

  it("takes nothing else for one", () => {
    for (const other of [new Error("x"), new ConvexError("x"), new ConvexError({ kind: 1, message: "x" }), null, "x"]) {
      expect(isAgentFactoryError(other)).toBe(false);
    }
    expect(isAgentFactoryError(new ConvexError({ kind: "lease_lost" }))).toBe(false);
    expect(isAgentFactoryError(new ConvexError({ kind: "card_declined", message: "An app's own error." }))).toBe(false);
  });
});
