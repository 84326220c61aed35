/** Identifiers in the shapes Fly gives them; always from the system's randomness, so that restarts never repeat one. */
import { randomBytes, randomInt } from "node:crypto";

/** 14 hexadecimal digits, as in `148ed21c0e3789`. */
export const machineId = (): string => randomBytes(7).toString("hex");

/** As in `vol_9vw681egy1jj5xm4`. */
export const volumeId = (): string => `vol_${fromAlphabet("0123456789abcdefghijklmnopqrstuvwxyz", 16)}`;

/** 26 characters of Crockford's base 32: instance ids, event ids and request ids. */
export const ulid = (): string => `01${fromAlphabet("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)}`;

/** What a lease holder shows with each mutation. */
export const leaseNonce = (): string => randomBytes(6).toString("hex");

/** An address in Fly's private network; nothing listens there. */
export const privateAddress = (): string => `fdaa:0:1:a7b:${hexGroup()}:${hexGroup()}:${hexGroup()}:2`;

/** The kind of name Fly makes up when none is given. */
export const generatedName = (): string => `${pick(ADJECTIVES)}-${pick(NOUNS)}-${randomInt(10_000)}`;

const ADJECTIVES = ["aged", "bitter", "cold", "divine", "empty", "floral", "green", "quiet", "rough", "wispy"];
const NOUNS = ["brook", "cloud", "dawn", "field", "moon", "pond", "resonance", "shape", "thunder", "wind"];

const hexGroup = (): string => randomInt(1, 0x10000).toString(16);

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? "plain";
}

function fromAlphabet(alphabet: string, length: number): string {
  let text = "";
  for (const byte of randomBytes(length)) text += alphabet.charAt(byte % alphabet.length);
  return text;
}
