/** Opens stored secrets inside actions; plaintext never leaves the action that asked. */
import { agentFactoryError } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../functions.js";
import { EnvelopeRejected, open, type Envelope } from "./envelope.js";
import { requireEncryptionKey, tenantOfDeployment } from "./key.js";

/** The provider's API token, under the name the public documents give it. */
export const PROVIDER_TOKEN_REF = "fly.apiToken";

/** @throws `secret_missing`, `secret_unreadable`, and what {@link requireEncryptionKey} throws. */
export async function requireSecret(ctx: Pick<ActionCtx, "runQuery">, secretRef: string): Promise<string> {
  const sealed: { version: number; envelope: Envelope } | null = await ctx.runQuery(
    internal.secrets.internal.sealedSecret,
    { secretRef },
  );
  if (sealed === null) {
    throw agentFactoryError("secret_missing", `Secret "${secretRef}" is not stored. Store it with importSecret.`);
  }
  const { key, keyId } = await requireEncryptionKey();
  try {
    return await open(sealed.envelope, {
      keys: { [keyId]: key },
      context: { tenant: tenantOfDeployment(), ref: secretRef, version: sealed.version },
    });
  } catch (error) {
    if (!(error instanceof EnvelopeRejected)) throw error;
    throw agentFactoryError(
      "secret_unreadable",
      `Secret "${secretRef}" was sealed with another encryption key. Restore that key, or store the secret again with importSecret.`,
    );
  }
}
