/** Who this worker is: its id and token, kept on disk so that a restarted process is the same worker. */
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { TokenSource } from "../backend/session.js";
import { parseJson, readIfPresent, writeWhole } from "../files.js";
import type { SecretFilter } from "../logger.js";

const vEnrollmentAnswer = z.object({
  poolKey: z.string(),
  heartbeatIntervalMs: z.number().positive(),
  conversationsPerWorker: z.number().int().positive(),
  tokenLifetimeMs: z.number().positive(),
});

const vIdentity = z.object({
  version: z.literal(1),
  workerId: z.string(),
  /** Of the credential this identity is enrolled with, in hex; tells a new credential from the old one. */
  credentialSha256: z.string(),
  token: z.string(),
  /** A token on its way to become the current one; either may be valid. */
  nextToken: z.string().nullable(),
  /** System time of the last token change. */
  tokenSince: z.number(),
  /** The backend's answer; `null` until the worker has enrolled. */
  enrollment: vEnrollmentAnswer.nullable(),
});
type StoredIdentity = z.infer<typeof vIdentity>;

/** 256 random bits in base64url, which is what the backend expects of a token. */
export const newToken = () => randomBytes(32).toString("base64url");

export const sha256Hex = (text: string) => createHash("sha256").update(text).digest("hex");

/** The identity in memory and on disk; the disk always first, so that no token is ever used that a crash could lose. */
export class Identity implements TokenSource {
  private changing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly file: string,
    private stored: StoredIdentity,
    private readonly filter: SecretFilter,
  ) {
    this.hideTokens();
  }

  /** The identity a process before this one left, or `null`. */
  static async load(dataDirectory: string, filter: SecretFilter): Promise<Identity | null> {
    const file = identityFile(dataDirectory);
    const text = await readIfPresent(file);
    const parsed = text === null ? null : vIdentity.safeParse(parseJson(text));
    return parsed?.success === true ? new Identity(file, parsed.data, filter) : null;
  }

  /** A new identity with a token of its own making; on disk when this returns. */
  static async create(
    dataDirectory: string,
    { workerId, credential }: { workerId: string; credential: string },
    filter: SecretFilter,
  ): Promise<Identity> {
    const stored: StoredIdentity = {
      version: 1,
      workerId,
      credentialSha256: sha256Hex(credential),
      token: newToken(),
      nextToken: null,
      tokenSince: Date.now(),
      enrollment: null,
    };
    const identity = new Identity(identityFile(dataDirectory), stored, filter);
    await identity.update({});
    return identity;
  }

  get workerId(): string {
    return this.stored.workerId;
  }
  get token(): string {
    return this.stored.token;
  }
  get nextToken(): string | null {
    return this.stored.nextToken;
  }
  get tokenSince(): number {
    return this.stored.tokenSince;
  }
  get enrollment(): StoredIdentity["enrollment"] {
    return this.stored.enrollment;
  }

  isFor(credential: string): boolean {
    return this.stored.credentialSha256 === sha256Hex(credential);
  }

  /** Notes what is about to be true; on the disk when this returns. */
  async update(change: Partial<Pick<StoredIdentity, "nextToken" | "enrollment" | "tokenSince">>): Promise<void> {
    const next = { ...this.stored, ...change };
    await this.write(next);
    this.stored = next;
    this.hideTokens();
  }

  /**
   * The backend has taken the next token, so it is in use from here on whatever the disk says: a process that starts
   * after a failed write finds both tokens and asks the backend.
   */
  async adoptNextToken(): Promise<void> {
    const { nextToken } = this.stored;
    if (nextToken === null) return;
    this.stored = { ...this.stored, token: nextToken, nextToken: null, tokenSince: Date.now() };
    await this.write(this.stored);
  }

  private async write(stored: StoredIdentity): Promise<void> {
    await writeWhole(this.file, `${JSON.stringify(stored)}\n`, { durable: true });
  }

  /** Runs a change of the token; calls that were refused meanwhile wait for its end. */
  async changeToken<T>(change: () => Promise<T>): Promise<T> {
    const running = this.changing.then(change);
    this.changing = running.then(
      () => {},
      () => {},
    );
    return await running;
  }

  async settled(): Promise<void> {
    await this.changing;
  }

  private hideTokens(): void {
    this.filter.add(this.stored.token);
    if (this.stored.nextToken !== null) this.filter.add(this.stored.nextToken);
  }
}

const identityFile = (dataDirectory: string) => join(dataDirectory, "identity.json");
