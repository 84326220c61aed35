/** Admin keys: recognized, refused without being repeated, and kept where only their owner can read them. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { adminKeyFromFile, generateAdminKey, isAdminKey } from "./admin-key.js";
import { Authenticator } from "./authenticator.js";

const adminKey = generateAdminKey();
const verify = new Authenticator({ authProviders: () => [] }, adminKey);

describe("admin keys", () => {
  it("are recognized, with or without an identity to act as", async () => {
    expect(await verify.fromHeader(`Convex ${adminKey}`)).toEqual({ kind: "admin", identity: null });
    const acting = Buffer.from(JSON.stringify({ issuer: "i", subject: "s", name: "Zoë" })).toString("base64");
    expect(await verify.fromHeader(`Convex ${adminKey}:${acting}`)).toEqual({
      kind: "admin",
      identity: { issuer: "i", subject: "s", tokenIdentifier: "i|s", name: "Zoë" },
    });
    expect(await verify.fromHeader(undefined)).toEqual({ kind: "anonymous" });
  });

  it("are refused when wrong, and the error does not repeat them", async () => {
    for (const key of ["", "x", adminKey.slice(1), `${adminKey}0`, adminKey.toUpperCase()]) {
      expect(isAdminKey(key, adminKey)).toBe(false);
    }
    const wrong = generateAdminKey();
    const error = await verify.fromHeader(`Convex ${wrong}`).catch((refusal: unknown) => String(refusal));
    expect(error).toMatch(/admin key/);
    expect(error).not.toContain(wrong);
    await expect(verify.fromHeader("Basic abc")).rejects.toThrow(/must begin with/);
    await expect(verify.fromHeader(`Convex ${adminKey}:!`)).rejects.toThrow(/base64/);
    await expect(verify.fromHeader(`Convex ${adminKey}:${Buffer.from("[1]").toString("base64")}`)).rejects.toThrow(
      /object/,
    );
  });

  it("stay in a file that only its owner can read", async () => {
    const directory = await mkdtemp(join(tmpdir(), "admin-key-"));
    const path = join(directory, "sub", "key");
    const key = await adminKeyFromFile(path);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await adminKeyFromFile(path)).toBe(key);
    expect((await readFile(path, "utf8")).trim()).toBe(key);
    await writeFile(path, "something else");
    await expect(adminKeyFromFile(path)).rejects.toThrow(/does not contain an admin key/);
    await rm(directory, { recursive: true });
  });
});
