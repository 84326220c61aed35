import { describe, expect, it } from "vitest";
import { equalDigests, hexOfStoredDigest, randomToken, sha256Hex } from "./digest.js";
import { inComponent, startComponent } from "./setup.test-kit.js";

/** SHA-256 of "abc", from FIPS 180-2. */
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("digests", () => {
  it("are SHA-256 of the UTF-8 form, in hex", async () => {
    expect(await sha256Hex("abc")).toBe(ABC);
    expect(await sha256Hex("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("are equal only when they are the same", () => {
    expect(equalDigests(ABC, ABC)).toBe(true);
    expect(equalDigests(ABC, ABC.replace("b", "c"))).toBe(false);
    expect(equalDigests(ABC, ABC.slice(1))).toBe(false);
    expect(equalDigests("", ABC)).toBe(false);
  });

  it("of stored files are read in base64 and in hex", () => {
    expect(hexOfStoredDigest("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")).toBe(ABC);
    expect(hexOfStoredDigest(ABC)).toBe(ABC);
  });

  it("of a file that is really stored match its content's", async () => {
    const t = startComponent();
    const stored = await inComponent(t, async (ctx) => {
      const file = await ctx.db.system.get("_storage", await ctx.storage.store(new Blob(["abc"])));
      return file?.sha256 ?? "";
    });
    expect(hexOfStoredDigest(stored)).toBe(ABC);
  });
});

describe("a random token", () => {
  it("is 256 bits in base64url, and never the same", () => {
    const tokens = Array.from({ length: 100 }, () => randomToken());
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(tokens).size).toBe(100);
  });
});
