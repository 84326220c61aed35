/** The public keys of auth providers: fetched with bounds, kept for a while, fetched again when a token names a key that is not among them. */
import type { JSONWebKeySet } from "jose";
import type { AuthProvider } from "./providers.js";
import { IPV4_LOOPBACK, IPV6_LOOPBACK } from "../http/loopback.js";

/** Providers rotate keys by the day; an hour bounds how long a withdrawn key is still believed. */
const MAX_AGE_MS = 60 * 60 * 1000;
/** A token with an unknown key id may ask for fresh keys this often, or anyone could make the backend hammer a provider. */
const MIN_REFRESH_INTERVAL_MS = 10_000;
const FETCH_TIMEOUT_MS = 10_000;
/** A key set is some kilobytes. */
const MAX_DOCUMENT_BYTES = 1024 * 1024;
/** More providers than an app has; the oldest is forgotten first. */
const MAX_ENTRIES = 100;

interface Entry {
  keys: Promise<JSONWebKeySet>;
  fetchedAt: number;
}

export class KeySets {
  readonly #entries = new Map<string, Entry>();

  /**
   * A provider's keys.
   * @param fresh Asks again although keys are at hand (at most every 10 s).
   * @throws Error that names the address which did not give them.
   */
  async get(provider: AuthProvider, fresh = false): Promise<JSONWebKeySet> {
    const name = provider.type === "oidc" ? provider.discoveryUrl : provider.jwks;
    const known = this.#entries.get(name);
    const age = known === undefined ? Infinity : Date.now() - known.fetchedAt;
    if (known !== undefined && age < (fresh ? MIN_REFRESH_INTERVAL_MS : MAX_AGE_MS)) return await known.keys;

    const entry: Entry = { keys: loadKeys(provider), fetchedAt: Date.now() };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > MAX_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
    try {
      return await entry.keys;
    } catch (error) {
      // The next token tries again: a provider that comes up a second later must not stay unreachable for an hour.
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
      throw error;
    }
  }
}

async function loadKeys(provider: AuthProvider): Promise<JSONWebKeySet> {
  const jwksUrl = provider.type === "oidc" ? await discoverJwksUrl(provider.discoveryUrl) : provider.jwks;
  const document = jwksUrl.startsWith("data:") ? parseDataUri(jwksUrl) : await fetchJson(jwksUrl);
  if (!isKeySet(document)) throw new Error(`${shorten(jwksUrl)} is not a JSON Web Key Set.`);
  return document;
}

async function discoverJwksUrl(discoveryUrl: string): Promise<string> {
  const document = await fetchJson(discoveryUrl);
  if (
    typeof document === "object" &&
    document !== null &&
    "jwks_uri" in document &&
    typeof document.jwks_uri === "string"
  ) {
    return document.jwks_uri;
  }
  throw new Error(`${discoveryUrl} has no "jwks_uri".`);
}

async function fetchJson(url: string): Promise<unknown> {
  const parsed = new URL(url);
  const isLoopback = ["localhost", IPV4_LOOPBACK, `[${IPV6_LOOPBACK}]`].includes(parsed.hostname);
  if (parsed.protocol !== "https:" && !(parsed.protocol === "http:" && isLoopback)) {
    throw new Error(`Keys are only fetched over https, or from this machine: ${shorten(url)} is neither.`);
  }
  const response = await fetch(parsed, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    redirect: "error",
  });
  if (!response.ok || response.body === null)
    throw new Error(`${shorten(url)} answered with status ${response.status}.`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength;
    if (size > MAX_DOCUMENT_BYTES) {
      await reader.cancel();
      throw new Error(`${shorten(url)} is larger than ${MAX_DOCUMENT_BYTES} bytes.`);
    }
    chunks.push(part.value);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

function parseDataUri(uri: string): unknown {
  const match = /^data:([^,]*),(.*)$/s.exec(uri);
  if (match === null) throw new Error("The data: URI with the keys has no comma.");
  const [, mediaType = "", data = ""] = match;
  const text = mediaType.endsWith(";base64") ? Buffer.from(data, "base64").toString("utf8") : decodeURIComponent(data);
  return JSON.parse(text);
}

function isKeySet(document: unknown): document is JSONWebKeySet {
  return typeof document === "object" && document !== null && "keys" in document && Array.isArray(document.keys);
}

function shorten(url: string): string {
  return url.length > 100 ? `${url.slice(0, 100)}…` : url;
}
