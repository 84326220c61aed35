import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isEnvironmentName } from "../../shared/agent-profile.js";
import { expectRefused, inComponent, lib, startComponent, useFakeClock, type Harness } from "../setup.test-kit.js";
import { findAgent } from "./profile.js";
import { hydratedProfile } from "./runtimeProfile.js";

async function configure(t: Harness, change: object) {
  const profile = { agentKey: "a", version: "1", secretsRef: ["shop"], enabled: true, ...change };
  return await t.action(async (ctx) => await ctx.runMutation(lib.configureAgent, profile));
}

describe("how an agent runs", () => {
  useFakeClock();

  it("is kept and handed out, with nothing for what the profile leaves open", async () => {
    const t = startComponent();
    const given = {
      instructions: "Be kind.",
      model: "small-1",
      tools: ["read_file"],
      environment: { SHOP_TOKEN: "shop" },
      hooks: { beforeTurn: ["git pull"] },
    };
    await configure(t, given);
    const agent = await inComponent(t, async (ctx) => await findAgent(ctx, "a"));
    expect(agent).toMatchObject(given);
    expect(agent && hydratedProfile(agent)).toEqual({
      version: "1",
      displayName: null,
      instructions: "Be kind.",
      model: "small-1",
      tools: ["read_file"],
      hooks: { beforeTurn: ["git pull"], afterTurn: [] },
    });
    await configure(t, {});
    const bare = await inComponent(t, async (ctx) => await findAgent(ctx, "a"));
    expect(bare && hydratedProfile(bare)).toMatchObject({ instructions: null, model: null, tools: null });
  });

  it("is refused when it is too large, or when a variable may not be set", async () => {
    const t = startComponent();
    const refusals: [object, RegExp][] = [
      [{ instructions: "x".repeat(65 * 1024) }, /instructions is \d+ bytes/],
      [{ model: " " }, /model is blank/],
      [{ tools: Array.from({ length: 65 }, (_, index) => `t${index}`) }, /tools.length.*0 to 64/],
      [{ hooks: { beforeTurn: Array.from({ length: 9 }, () => "true") } }, /hooks.beforeTurn.length.*0 to 8/],
      [{ hooks: { afterTurn: ["x".repeat(5_000)] } }, /hooks.afterTurn is 5000 bytes/],
      [{ environment: { "MY-TOKEN": "shop" } }, /"MY-TOKEN" cannot be set/],
      [{ environment: { LD_PRELOAD: "shop" } }, /"LD_PRELOAD" cannot be set/],
      [{ environment: { SHOP_TOKEN: "bank" } }, /"bank" of SHOP_TOKEN is not one of the agent's/],
      [
        { environment: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`V${index}`, "shop"])) },
        /number of variables in environment.*0 to 32/,
      ],
    ];
    for (const [change, message] of refusals) {
      expect(await expectRefused(t, "invalid_argument", async () => configure(t, change))).toMatch(message);
    }
  });

  it("names variables as a shell can, and none that decides what a process loads", () => {
    for (const name of ["OPENAI_API_KEY", "a", "_1"]) expect(isEnvironmentName(name)).toBe(true);
    for (const name of ["", "1A", "PATH", "NODE_OPTIONS", "LD_X", "AGENT_FACTORY_RUNTIME", "A=B", "A B", "Ä"]) {
      expect(isEnvironmentName(name)).toBe(false);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        if (isEnvironmentName(name)) expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
      }),
    );
  });
});
