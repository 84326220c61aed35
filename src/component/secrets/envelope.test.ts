import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EnvelopeRejected, keyIdOf, open, parseKey, seal, type EncryptionKey, type Envelope } from "./envelope.js";

const bytes = (length: number, value: number): EncryptionKey => new Uint8Array(length).fill(value);
const fromHex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Computed with another implementation, in this very layout. Its nonces are fixed only because it is a vector. */
const VECTOR = {
  key: bytes(32, 7),
  context: { tenant: "t1", ref: "openai/api_key", version: 3 },
  plaintext: "sk-test-DO-NOT-LOG-0123456789",
  envelope: {
    v: 1,
    keyId: "kek-2026-01",
    wrapIv: "AQEBAQEBAQEBAQEB",
    wrappedKey: "f+iAvpm25QfY3dUoeT55OKHyHf0RnjIaUThKa2+9P7IOGBC7gfS/BF4KW7kC/e6D",
    iv: "AgICAgICAgICAgIC",
    ciphertext: "iX/LADsx5GmrrDZ+mc9XY3N2CF6ppmT3NelLycZqChPlPUnOE59srvfSeteh",
  } satisfies Envelope,
};

const GENERIC = "The sealed value could not be opened.";

type Attempt = { envelope: Envelope; context: typeof VECTOR.context; keys: Record<string, EncryptionKey> };
const valid: Attempt = {
  envelope: VECTOR.envelope,
  context: VECTOR.context,
  keys: { "kek-2026-01": VECTOR.key, "kek-2025-01": VECTOR.key },
};

async function expectRejected(change: Partial<Attempt>): Promise<void> {
  const { envelope, context, keys } = { ...valid, ...change };
  const error: unknown = await open(envelope, { keys, context }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EnvelopeRejected);
  if (error instanceof Error) {
    expect(error.message).toBe(GENERIC);
    expect(error.cause).toBeUndefined();
    expect(`${error.message}${error.stack ?? ""}`).not.toContain(VECTOR.plaintext);
  }
}

function changed(field: "iv" | "wrapIv" | "wrappedKey" | "ciphertext", change: (data: number[]) => number[]): Envelope {
  const data = Array.from(atob(VECTOR.envelope[field]), (character) => character.charCodeAt(0));
  return { ...VECTOR.envelope, [field]: btoa(String.fromCharCode(...change(data))) };
}

function flipped(field: "iv" | "wrapIv" | "wrappedKey" | "ciphertext", index: number): Envelope {
  return changed(field, (data) =>
    data.map((byte, at) => (at === (index + data.length) % data.length ? byte ^ 1 : byte)),
  );
}

describe("the primitive", () => {
  it("computes what NIST's test case 16 says", async () => {
    const key = await crypto.subtle.importKey(
      "raw",
      fromHex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
      "AES-GCM",
      false,
      ["encrypt"],
    );
    const sealed = await crypto.subtle.encrypt(
      {
        name: "AES-GCM",
        iv: fromHex("cafebabefacedbaddecaf888"),
        additionalData: fromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
      },
      key,
      fromHex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      ),
    );
    const hex = Array.from(new Uint8Array(sealed), (byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(hex).toBe(
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
        "76fc6ece0f4e1768cddf8853bb2d551b",
    );
  });
});

describe("an envelope", () => {
  it("opens what another implementation has sealed in the same layout", async () => {
    expect(await open(VECTOR.envelope, valid)).toBe(VECTOR.plaintext);
  });

  it("gives back every text, whatever it is bound to", async () => {
    const contexts = fc.record({ tenant: fc.string(), ref: fc.string(), version: fc.nat() });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 300 }), contexts, async (plaintext, context) => {
        const key = crypto.getRandomValues(new Uint8Array(32));
        const envelope = await seal(plaintext, { key, keyId: "k", context });
        expect(await open(envelope, { keys: { k: key }, context })).toBe(plaintext);
      }),
      { numRuns: 50 },
    );
  });

  it("gives back a text with a byte order mark, and one of the largest size", async () => {
    for (const plaintext of ["\ufeffx", "", "x".repeat(32 * 1024)]) {
      const options = { key: VECTOR.key, keyId: "k", context: VECTOR.context };
      const envelope = await seal(plaintext, options);
      expect(await open(envelope, { keys: { k: VECTOR.key }, context: VECTOR.context })).toBe(plaintext);
    }
  });

  it("never repeats a nonce or a data key, nor shows what is in it", async () => {
    const seen = new Set<string>();
    for (let index = 0; index < 200; index++) {
      const envelope = await seal(VECTOR.plaintext, { key: VECTOR.key, keyId: "k", context: VECTOR.context });
      for (const part of [envelope.iv, envelope.wrapIv, envelope.wrappedKey, envelope.ciphertext]) seen.add(part);
      expect(JSON.stringify(envelope)).not.toContain(VECTOR.plaintext);
      expect(atob(envelope.iv)).toHaveLength(12);
      expect(atob(envelope.wrapIv)).toHaveLength(12);
    }
    expect(seen.size).toBe(800);
  });
});

describe("an envelope that was tampered with is rejected, without a word about why", () => {
  const { context } = VECTOR;
  const cases: [string, Partial<Attempt>][] = [
    ["moved to another name", { context: { ...context, ref: "anthropic/api_key" } }],
    ["moved to another tenant", { context: { ...context, tenant: "t2" } }],
    ["put back as an older version", { context: { ...context, version: 2 } }],
    [
      "said to be of another key, even if that key is the same",
      { envelope: { ...VECTOR.envelope, keyId: "kek-2025-01" } },
    ],
    ["of a key that is not there", { keys: {} }],
    ["opened with another key", { keys: { "kek-2026-01": bytes(32, 8) } }],
    ["with a flipped bit of text", { envelope: flipped("ciphertext", 0) }],
    ["with a flipped bit of tag", { envelope: flipped("ciphertext", -1) }],
    ["with a flipped bit of data key", { envelope: flipped("wrappedKey", 0) }],
    ["with a flipped bit of nonce", { envelope: flipped("iv", 0) }],
    ["with a flipped bit of the data key's nonce", { envelope: flipped("wrapIv", 0) }],
    ["with a shorter tag", { envelope: changed("ciphertext", (data) => data.slice(0, -4)) }],
    ["with no text at all", { envelope: { ...VECTOR.envelope, ciphertext: "" } }],
    ["with 11 bytes of nonce", { envelope: changed("iv", (data) => data.slice(1)) }],
    ["with 16 bytes of nonce", { envelope: changed("iv", (data) => [...data, 2, 2, 2, 2]) }],
    ["with 16 bytes of the data key's nonce", { envelope: changed("wrapIv", (data) => [...data, 1, 1, 1, 1]) }],
    ["that is not base64", { envelope: { ...VECTOR.envelope, ciphertext: "%%%" } }],
  ];
  for (const [what, change] of cases) it(what, async () => expectRejected(change));

  it("with any byte changed anywhere", async () => {
    const fields = fc.constantFrom("iv" as const, "wrapIv" as const, "wrappedKey" as const, "ciphertext" as const);
    await fc.assert(
      fc.asyncProperty(fields, fc.nat(100), async (field, index) => {
        await expectRejected({ envelope: flipped(field, index) });
      }),
    );
  });
});

describe("a key", () => {
  it("is 32 bytes in base64, with or without the line end a terminal adds", () => {
    const text = btoa(String.fromCharCode(...bytes(32, 7)));
    expect(parseKey(text)).toEqual(bytes(32, 7));
    expect(parseKey(`${text}\n`)).toEqual(bytes(32, 7));
    for (const length of [0, 16, 31, 33, 64]) expect(parseKey(btoa("x".repeat(length)))).toBeNull();
    for (const bad of ["not base64!", "07".repeat(32)]) expect(parseKey(bad)).toBeNull();
  });

  it("has a name that reveals nothing and differs from key to key", async () => {
    const name = await keyIdOf(VECTOR.key);
    expect(name).toMatch(/^[0-9a-f]{16}$/);
    expect(await keyIdOf(VECTOR.key)).toBe(name);
    expect(await keyIdOf(bytes(32, 8))).not.toBe(name);
    expect(name).not.toContain("07070707");
  });
});
