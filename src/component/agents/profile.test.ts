import { describe, expect, it } from "vitest";
import { expectRefused, inComponent, lib, startComponent, useFakeClock, type Harness } from "../setup.test-kit.js";
import { findAgent } from "./profile.js";

const profile = { agentKey: "a", version: "1", secretsRef: ["openai"], enabled: true };

async function configure(t: Harness, change: object = {}) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.configureAgent, { ...profile, ...change }));
}

async function read(t: Harness, agentKey = "a") {
  return await inComponent(t, async (ctx) => await findAgent(ctx, agentKey));
}

describe("an agent's profile", () => {
  useFakeClock();

  it("is created, and replaced as a whole under the same id", async () => {
    const t = startComponent();
    const id = await configure(t, { displayName: "Helper", botIdentity: "@bot" });
    expect(await read(t)).toMatchObject({
      ...profile,
      displayName: "Helper",
      poolKey: "default",
      updatedAt: Date.now(),
    });
    expect(await configure(t, { version: "2" })).toBe(id);
    const replaced = await read(t);
    expect(replaced).toMatchObject({ version: "2" });
    expect(replaced?.displayName).toBeUndefined();
    expect(await read(t, "b")).toBeNull();
  });

  it("names the secrets it needs; without an agent, what every deployment needs", async () => {
    const t = startComponent();
    await configure(t);
    const required = async (agentKey?: string) =>
      await t.action(
        async (ctx) => await ctx.runQuery(lib.getRequiredSecretRefs, agentKey === undefined ? {} : { agentKey }),
      );
    expect(await required("a")).toEqual({ agentKey: "a", secretRefs: ["openai"] });
    expect(await required("b")).toEqual({ agentKey: "b", secretRefs: [] });
    expect(await required()).toEqual({ agentKey: null, secretRefs: ["fly.apiToken"] });
  });

  it("is given no secret that opens the account of the machines, by whichever way", async () => {
    const t = startComponent();
    const token = "fly.apiToken";
    const ways = [
      { secretsRef: ["openai", token] },
      { secretsRef: [token], environment: { TOKEN: token } },
      { bridgeConfig: { enabled: true, serviceKeySecretRef: token } },
      { bridgeConfig: { enabled: true, appBaseUrlMapJsonSecretRef: token } },
    ];
    for (const change of ways) {
      const message = await expectRefused(t, "invalid_argument", async () => configure(t, change));
      expect(message).toMatch(/"fly.apiToken" opens the account.*given to no agent/);
    }
  });

  it("refuses what is blank or too large, and names the argument", async () => {
    const t = startComponent();
    const refusals: [object, RegExp][] = [
      [{ agentKey: " " }, /agentKey is blank/],
      [{ agentKey: "a".repeat(257) }, /agentKey is longer/],
      [{ version: "" }, /version is blank/],
      [{ secretsRef: [""] }, /secretsRef is blank/],
      [{ secretsRef: Array.from({ length: 65 }, (_, index) => `s${index}`) }, /secretsRef.length.*0 to 64/],
      [{ displayName: "x".repeat(257) }, /displayName is 257 bytes/],
      [{ botIdentity: "x".repeat(257) }, /botIdentity is 257 bytes/],
      [{ bridgeConfig: { enabled: true, baseUrl: "x".repeat(9_000) } }, /bridgeConfig is \d+ bytes/],
    ];
    for (const [change, message] of refusals) {
      expect(await expectRefused(t, "invalid_argument", async () => configure(t, change))).toMatch(message);
    }
  });
});
