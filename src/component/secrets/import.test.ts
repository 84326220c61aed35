import { describe, expect, it, vi } from "vitest";
import {
  component,
  expectRefused,
  inComponent,
  lib,
  snapshotOfAllTables,
  startComponent,
  TEST_ENCRYPTION_KEY,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { requireSecret } from "./read.js";

const CANARY = "sk-test-DO-NOT-LOG-0123456789";

async function importSecret(t: Harness, plaintextValue = CANARY, secretRef = "fly.apiToken", metadata = {}) {
  return await t.action(async (ctx) => await ctx.runAction(lib.importSecret, { secretRef, plaintextValue, metadata }));
}

async function read(t: Harness, secretRef = "fly.apiToken") {
  return await inComponent(t, async (ctx) => await requireSecret(ctx, secretRef));
}

function withKey(key: string | undefined = TEST_ENCRYPTION_KEY): void {
  vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", key);
  vi.stubEnv("CONVEX_CLOUD_URL", "https://happy-animal-123.convex.cloud");
}

describe("importing a secret", () => {
  useFakeClock();

  it("stores the next version, which the component can read", async () => {
    withKey();
    const t = startComponent();
    expect(await importSecret(t, "one")).toMatchObject({ secretRef: "fly.apiToken", version: 1 });
    expect(await read(t)).toBe("one");
    expect(await importSecret(t, "two")).toMatchObject({ version: 2 });
    expect(await read(t)).toBe("two");
    expect((await snapshotOfAllTables(t)).secrets).toHaveLength(1);
  });

  it("gives every import that comes at the same moment a version of its own", async () => {
    withKey();
    const t = startComponent();
    const values = ["one", "two", "three", "four"];
    const results = await Promise.all(values.map(async (value) => await importSecret(t, value)));
    expect(results.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
    const newest = results.findIndex(({ version }) => version === 4);
    expect(await read(t)).toBe(values[newest]);
  });

  it("does not overwrite a version that somebody else took in the meantime", async () => {
    withKey();
    const t = startComponent();
    await importSecret(t, "one");
    const before = await snapshotOfAllTables(t);
    const envelope = before.secrets?.[0]?.envelope as never;
    for (const version of [1, 3]) {
      const stored = await t.action(
        async (ctx) =>
          await ctx.runMutation(component.secrets.internal.storeSealedSecret, {
            secretRef: "fly.apiToken",
            version,
            envelope,
          }),
      );
      expect(stored).toBeNull();
    }
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("without a key is refused, with how to make one", async () => {
    for (const key of [undefined, "", "  "]) {
      vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", key);
      const t = startComponent();
      const message = await expectRefused(t, "encryption_key_missing", async () => importSecret(t));
      expect(message).toMatch(/openssl rand -base64 32.*npx convex env set.*app\.use/);
    }
  });

  it("with a key that is none is refused, with how to make one and without a word of it", async () => {
    for (const key of ["c2hvcnQ=", "not base64 at all!", btoa("x".repeat(31))]) {
      withKey(key);
      const t = startComponent();
      const message = await expectRefused(t, "encryption_key_invalid", async () => importSecret(t));
      expect(message).toMatch(/not 32 bytes in base64.*openssl rand -base64 32/);
      expect(message).not.toContain(key);
    }
  });

  it("refuses what is no secret, and names the argument", async () => {
    withKey();
    const t = startComponent();
    await expectRefused(t, "invalid_argument", async () => importSecret(t, ""));
    const message = await expectRefused(t, "invalid_argument", async () => importSecret(t, `${CANARY}\0`));
    expect(message).not.toContain(CANARY);
    await expectRefused(t, "invalid_argument", async () => importSecret(t, CANARY, " "));
    await expectRefused(t, "invalid_argument", async () => importSecret(t, "x".repeat(32 * 1024 + 1)));
    await expectRefused(t, "invalid_argument", async () => importSecret(t, CANARY, "r", { k: "x".repeat(9_000) }));
    expect(await importSecret(t, "x".repeat(32 * 1024))).toMatchObject({ version: 1 });
  });
});

describe("a stored secret", () => {
  useFakeClock();

  it("occurs nowhere in plain: not in tables, results, errors or logs, in no encoding", async () => {
    withKey();
    vi.stubEnv("AGENT_FACTORY_LOG_LEVEL", "debug");
    const t = startComponent();
    const printed: string[] = [];
    for (const level of ["debug", "info", "warn", "error", "log"] as const) {
      vi.spyOn(console, level).mockImplementation((...args: unknown[]) => printed.push(args.join(" ")));
    }
    const result = await importSecret(t);
    const status = await t.action(
      async (ctx) => await ctx.runQuery(lib.secretStatus, { secretRefs: ["fly.apiToken"] }),
    );
    withKey(btoa("y".repeat(32)));
    const error = await read(t).catch(String);
    vi.restoreAllMocks();
    const surfaces = JSON.stringify([await snapshotOfAllTables(t), result, status, printed, error]);
    const hex = Array.from(CANARY, (character) => character.charCodeAt(0).toString(16)).join("");
    for (const form of [
      CANARY,
      btoa(CANARY).replaceAll("=", ""),
      hex,
      encodeURIComponent(CANARY),
      TEST_ENCRYPTION_KEY,
    ]) {
      expect(surfaces).not.toContain(form);
    }
    expect(status).toEqual([{ secretRef: "fly.apiToken", hasActive: true, version: 1 }]);
  });

  it("that is missing says how to store it", async () => {
    withKey();
    const t = startComponent();
    const message = await expectRefused(t, "secret_missing", async () => read(t, "openai"));
    expect(message).toMatch(/"openai" is not stored.*importSecret/);
  });

  it("cannot be read with another key, nor by another deployment, and says what to do", async () => {
    withKey();
    const t = startComponent();
    await importSecret(t);
    withKey(btoa("y".repeat(32)));
    const message = await expectRefused(t, "secret_unreadable", async () => read(t));
    expect(message).toMatch(/another encryption key. Restore that key, or store the secret again/);
    withKey();
    vi.stubEnv("CONVEX_CLOUD_URL", "https://other-animal-456.convex.cloud");
    await expectRefused(t, "secret_unreadable", async () => read(t));
    vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", undefined);
    await expectRefused(t, "encryption_key_missing", async () => read(t));
  });

  it("does not open under another name", async () => {
    withKey();
    const t = startComponent();
    await importSecret(t);
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("secrets").first();
      if (row !== null) await ctx.db.patch("secrets", row._id, { secretRef: "telegram.token" });
    });
    await expectRefused(t, "secret_unreadable", async () => read(t, "telegram.token"));
  });

  it("is reported by name and version only, for at most a hundred names", async () => {
    withKey();
    const t = startComponent();
    await importSecret(t, "one", "a");
    await importSecret(t, "two", "a");
    const status = async (secretRefs: string[]) =>
      await t.action(async (ctx) => await ctx.runQuery(lib.secretStatus, { secretRefs }));
    expect(await status(["a", "b"])).toEqual([
      { secretRef: "a", hasActive: true, version: 2 },
      { secretRef: "b", hasActive: false, version: null },
    ]);
    await expectRefused(t, "invalid_argument", async () => status(Array.from({ length: 101 }, () => "a")));
  });
});
