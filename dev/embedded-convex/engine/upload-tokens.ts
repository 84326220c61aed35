/** One-time tokens of upload URLs: signed, so that they need no row and outlive a restart. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/** Convex's upload URLs are valid this long. */
const VALIDITY_MS = 60 * 60 * 1000;

const vPayload = z.object({ componentPath: z.string(), expiresAt: z.number(), nonce: z.string() });

export class UploadTokens {
  /**
   * @param key secret of the deployment, the same after a restart.
   * @param used nonces of used tokens → when they expire and can be forgotten.
   * @param noteUse saves that a token was used.
   */
  constructor(
    private readonly key: string,
    private readonly used: Map<string, number>,
    private readonly noteUse: (nonce: string, expiresAt: number) => void,
    private readonly now: () => number,
  ) {}

  mint(componentPath: string): string {
    const payload = {
      componentPath,
      expiresAt: this.now() + VALIDITY_MS,
      nonce: randomBytes(16).toString("base64url"),
    };
    const encoded = Buffer.from(JSON.stringify(payload)).toString("base64url");
    return `${encoded}.${this.sign(encoded)}`;
  }

  /** Consumes the token: a second call with it returns `null`, like one with a forged or expired token. */
  redeem(token: string): { componentPath: string } | null {
    const [encoded, signature, ...rest] = token.split(".");
    if (encoded === undefined || signature === undefined || rest.length > 0) return null;
    const expected = Buffer.from(this.sign(encoded));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
    const { componentPath, expiresAt, nonce } = vPayload.parse(
      JSON.parse(Buffer.from(encoded, "base64url").toString()),
    );
    const now = this.now();
    for (const [old, expiry] of this.used) if (expiry <= now) this.used.delete(old);
    if (expiresAt <= now || this.used.has(nonce)) return null;
    this.noteUse(nonce, expiresAt);
    return { componentPath };
  }

  private sign(encoded: string): string {
    return createHmac("sha256", this.key).update(encoded).digest("base64url");
  }
}
