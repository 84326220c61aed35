import { describe, expect, it } from "vitest";
import {
  bindUser,
  configureAgent,
  lib,
  passTime,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";

async function list(t: Harness, includeDisabled?: boolean) {
  const args = { consumerUserId: "ada", ...(includeDisabled === undefined ? {} : { includeDisabled }) };
  return (await t.action(async (ctx) => await ctx.runQuery(lib.listUserAgents, args))).map(
    ({ agentKey, status }) => `${agentKey} ${status}`,
  );
}

describe("a user's agents", () => {
  useFakeClock();

  it("are listed newest first; revoked ones on request", async () => {
    const t = await startWithAgent();
    for (const agentKey of ["z", "b"]) await configureAgent(t, agentKey);
    await bindUser(t, "ada", "z");
    await t.action(async (ctx) => await ctx.runMutation(lib.revokeUserAgentBinding, { consumerUserId: "ada" }));
    for (const agentKey of ["a", "b"]) {
      passTime(1);
      await bindUser(t, "ada", agentKey);
    }
    await bindUser(t, "bob", "z");
    expect(await list(t)).toEqual(["b active", "a active"]);
    expect(await list(t, true)).toEqual(["b active", "a active", "z disabled"]);
  });

  it("say what can be done with them", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    const get = async (agentKey: string) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.getUserAgent, { consumerUserId: "ada", agentKey }));
    expect(await get("a")).toMatchObject({
      status: "active",
      bindingStatus: "active",
      version: "1",
      conversationId,
      canChat: true,
      canDisable: true,
      canCreateNewAgent: true,
    });
    await configureAgent(t, "a", false);
    expect(await get("a")).toMatchObject({ status: "disabled", canChat: false, canDisable: true });
    expect(await get("b")).toBeNull();
  });

  it("are summed up for a page", async () => {
    const t = await startWithAgent();
    const overview = async () =>
      await t.action(async (ctx) => await ctx.runQuery(lib.getUserAgentsOverview, { consumerUserId: "ada" }));
    expect(await overview()).toEqual({ agents: [], activeAgentKey: null, canCreateNewAgent: true });
    await bindUser(t, "ada");
    expect(await overview()).toMatchObject({ agents: [{ agentKey: "a" }], activeAgentKey: "a" });
    const active = await t.action(async (ctx) => await ctx.runQuery(lib.getActiveUserAgent, { consumerUserId: "ada" }));
    expect(active).toMatchObject({ agentKey: "a" });
  });

  it("cost no more than a few reads each, however many they are", async () => {
    const t = await startWithAgent();
    for (let index = 0; index < 40; index++) {
      await configureAgent(t, `agent${index}`);
      await bindUser(t, "ada", `agent${index}`);
    }
    const used = await t.mutation(async (ctx) => {
      await ctx.runQuery(lib.listUserAgents, { consumerUserId: "ada" });
      return (await ctx.meta.getTransactionMetrics()).documentsRead.used;
    });
    expect(used).toBeLessThanOrEqual(3 * 40);
  });
});
