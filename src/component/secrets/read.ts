/** Opens stored secrets for the plain functions of this component; what is opened goes to the provider or to the worker that runs the turn. */
import { agentFactoryError } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx, QueryCtx } from "../functions.js";
import { EnvelopeRejected, open, type Envelope } from "./envelope.js";
import { requireEncryptionKey, tenantOfDeployment } from "./key.js";

/** The provider's API token, under the name the public documents give it. */
export const PROVIDER_TOKEN_REF = "fly.apiToken";

/** Whether a worker may ever see it: who has the provider's token has every machine, and with them everybody's data. */
export function isForAgents(secretRef: string): boolean {
  return secretRef !== PROVIDER_TOKEN_REF;
}

type Sealed = { version: number; envelope: Envelope };

/** For actions. @throws `secret_missing`, `secret_unreadable`, and what {@link requireEncryptionKey} throws. */
export async function requireSecret(ctx: Pick<ActionCtx, "runQuery">, secretRef: string): Promise<string> {
  const sealed: Sealed | null = await ctx.runQuery(internal.secrets.internal.sealedSecret, { secretRef });
  if (sealed === null) {
    throw agentFactoryError("secret_missing", `Secret "${secretRef}" is not stored. Store it with importSecret.`);
  }
  return await openSealed(secretRef, sealed);
}

/**
 * For what a worker is given, in queries and mutations: the value, or `null` when no such secret is stored or it is not for
 * agents. Reads one document.
 *
 * @throws `secret_unreadable`, and what {@link requireEncryptionKey} throws.
 */
export async function findSecret(ctx: QueryCtx, secretRef: string): Promise<string | null> {
  if (!isForAgents(secretRef)) return null;
  const row = await ctx.db
    .query("secrets")
    .withIndex("by_secret_ref", (range) => range.eq("secretRef", secretRef))
    .unique();
  return row && (await openSealed(secretRef, row));
}

async function openSealed(secretRef: string, { version, envelope }: Sealed): Promise<string> {
  const { key, keyId } = await requireEncryptionKey();
  try {
    return await open(envelope, {
      keys: { [keyId]: key },
      context: { tenant: tenantOfDeployment(), ref: secretRef, version },
    });
  } catch (error) {
    if (!(error instanceof EnvelopeRejected)) throw error;
    throw agentFactoryError(
      "secret_unreadable",
      `Secret "${secretRef}" was sealed with another encryption key. Restore that key, or store the secret again with importSecret.`,
    );
  }
}
