import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWithinScope, scopeOf, type Isolation, type ScopedConversation } from "./scope.js";

const isolations = fc.constantFrom<Isolation>("conversation", "user", "agent", "shared");
const names = fc.constantFrom("x", "y");
const conversations: fc.Arbitrary<ScopedConversation> = fc.record({
  conversationId: names,
  agentKey: names,
  consumerUserId: fc.option(names, { nil: undefined }),
});

describe("the scope of a worker", () => {
  it("holds the conversation that it was given for", () => {
    fc.assert(
      fc.property(isolations, conversations, (isolation, conversation) => {
        expect(isWithinScope(scopeOf(isolation, conversation), conversation)).toBe(true);
      }),
    );
  });

  it("never lets two users share a worker unless the policy says so", () => {
    fc.assert(
      fc.property(fc.constantFrom<Isolation>("conversation", "user"), conversations, conversations, (kind, a, b) => {
        fc.pre(a.conversationId !== b.conversationId && a.consumerUserId !== b.consumerUserId);
        expect(isWithinScope(scopeOf(kind, a), b)).toBe(false);
      }),
    );
  });

  it("keeps conversations without a user apart under isolation by user", () => {
    const nobody = { conversationId: "x", agentKey: "a" };
    expect(isWithinScope(scopeOf("user", nobody), { ...nobody, conversationId: "y" })).toBe(false);
    expect(isWithinScope(scopeOf("user", { ...nobody, consumerUserId: "x" }), nobody)).toBe(false);
  });

  it("is the agent's under isolation by agent, and everybody's when shared", () => {
    const own = { conversationId: "x", agentKey: "a", consumerUserId: "u" };
    const other = { conversationId: "y", agentKey: "a", consumerUserId: "v" };
    expect(isWithinScope(scopeOf("agent", own), other)).toBe(true);
    expect(isWithinScope(scopeOf("agent", own), { ...other, agentKey: "b" })).toBe(false);
    expect(isWithinScope(scopeOf("shared", own), { ...other, agentKey: "b" })).toBe(true);
  });
});
