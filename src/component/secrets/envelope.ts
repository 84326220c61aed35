/**
 * Envelope encryption: a fresh data key seals the secret, the deployment's key seals the data key (AES-256-GCM both).
 *
 * Pure but for randomness, so only actions may `seal`; `open` works anywhere. Everything that identifies the secret is
 * authenticated data: an envelope moved to another name, version or key does not open.
 */
import type { Infer } from "convex/values";
import type { vEnvelope } from "./tables.js";

export type Envelope = Infer<typeof vEnvelope>;

/** What an envelope is bound to. */
export type EnvelopeContext = {
  /** Keeps deployments that share a key apart. */
  tenant: string;
  ref: string;
  version: number;
};

/** 32 raw bytes. */
export type EncryptionKey = Uint8Array<ArrayBuffer>;

/** The one error of {@link open}: which check failed would only help whoever tampered. */
export class EnvelopeRejected extends Error {
  override name = "EnvelopeRejected";
  constructor() {
    super("The sealed value could not be opened.");
  }
}

const KEY_BYTES = 32;
/** 96 bits: the only size the Convex runtime accepts, and GCM's native one (NIST SP 800-38D). */
const IV_BYTES = 12;

export async function seal(
  plaintext: string,
  { key, keyId, context }: { key: EncryptionKey; keyId: string; context: EnvelopeContext },
): Promise<Envelope> {
  const dataKey = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const wrapIv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const bound = authenticatedData(context, keyId);
  const ciphertext = await encrypt(dataKey, iv, bound, new TextEncoder().encode(plaintext));
  const wrappedKey = await encrypt(key, wrapIv, `dek|${bound}`, dataKey);
  return {
    v: 1,
    keyId,
    wrapIv: toBase64(wrapIv),
    wrappedKey: toBase64(wrappedKey),
    iv: toBase64(iv),
    ciphertext: toBase64(ciphertext),
  };
}

/** @throws {EnvelopeRejected} for any envelope that is not exactly what `seal` made for this context. */
export async function open(
  envelope: Envelope,
  { keys, context }: { keys: Record<string, EncryptionKey>; context: EnvelopeContext },
): Promise<string> {
  const key = keys[envelope.keyId];
  if (key === undefined) throw new EnvelopeRejected();
  try {
    const bound = authenticatedData(context, envelope.keyId);
    const dataKey = await decrypt(key, fromBase64(envelope.wrapIv), `dek|${bound}`, fromBase64(envelope.wrappedKey));
    const plaintext = await decrypt(dataKey, fromBase64(envelope.iv), bound, fromBase64(envelope.ciphertext));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plaintext);
  } catch {
    throw new EnvelopeRejected();
  }
}

/** Reads a key as operators write it: 32 bytes in base64. `null` when it is anything else. */
export function parseKey(text: string): EncryptionKey | null {
  try {
    const bytes = fromBase64(text.trim());
    return bytes.length === KEY_BYTES ? bytes : null;
  } catch {
    return null;
  }
}

/** A name for a key that reveals nothing about it: the first 64 bits of its SHA-256, in hex. */
export async function keyIdOf(key: EncryptionKey): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", key));
  return Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function authenticatedData({ tenant, ref, version }: EnvelopeContext, keyId: string): string {
  return JSON.stringify(["sec", 1, tenant, ref, version, keyId]);
}

async function encrypt(key: EncryptionKey, iv: Uint8Array<ArrayBuffer>, bound: string, data: Uint8Array<ArrayBuffer>) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  const additionalData = new TextEncoder().encode(bound);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, imported, data));
}

async function decrypt(key: EncryptionKey, iv: Uint8Array<ArrayBuffer>, bound: string, data: Uint8Array<ArrayBuffer>) {
  if (iv.length !== IV_BYTES) throw new EnvelopeRejected();
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const additionalData = new TextEncoder().encode(bound);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, imported, data));
}

function toBase64(bytes: Uint8Array): string {
  // In slices: spreading a large array into one call overflows the stack.
  let text = "";
  for (let start = 0; start < bytes.length; start += 8_192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8_192));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
