/** Registered functions about secrets: values go in, only names and versions come out. */
import { v } from "convex/values";
import { agentFactoryError } from "../../shared/errors.js";
import { vImportedSecret, vSecretStatus, type ImportedSecret } from "../../shared/reports.js";
import { internal } from "../_generated/api.js";
import { action, query } from "../functions.js";
import { requireIdentifier, requireIntegerBetween, requireMetadata, requireTextWithin } from "../validation.js";
import { seal } from "./envelope.js";
import { requireEncryptionKey, tenantOfDeployment } from "./key.js";

/** API tokens and private keys are a few KB at most. */
const MAX_SECRET_BYTES = 32 * 1024;
/** Imports of one secret at the same time are rare; each loses at most one round to the other. */
const MAX_VERSION_RACES = 5;
const MAX_STATUS_REFS = 100;

/**
 * Seals and stores a secret under the next version. An action, because only actions have true randomness for keys and IVs.
 *
 * @throws `encryption_key_missing` or `encryption_key_invalid` with how to make a key; `invalid_argument`
 */
export const importSecret = action({
  args: {
    secretRef: v.string(),
    plaintextValue: v.string(),
    metadata: v.optional(v.record(v.string(), v.string())),
  },
  returns: vImportedSecret,
  handler: async (ctx, { secretRef, plaintextValue, metadata }): Promise<ImportedSecret> => {
    requireIdentifier("secretRef", secretRef);
    if (plaintextValue === "") {
      throw agentFactoryError("invalid_argument", "plaintextValue is empty.", { argument: "plaintextValue" });
    }
    // No variable can hold one, and what a system says about that quotes the value.
    if (plaintextValue.includes("\0")) {
      const message = "plaintextValue contains a NUL character. Encode what is not text, in base64 for example.";
      throw agentFactoryError("invalid_argument", message, { argument: "plaintextValue" });
    }
    requireTextWithin("plaintextValue", plaintextValue, MAX_SECRET_BYTES);
    requireMetadata("metadata", metadata);
    const { key, keyId } = await requireEncryptionKey();
    for (let round = 0; round < MAX_VERSION_RACES; round++) {
      const current: { version: number } | null = await ctx.runQuery(internal.secrets.internal.sealedSecret, {
        secretRef,
      });
      const version = (current?.version ?? 0) + 1;
      const envelope = await seal(plaintextValue, {
        key,
        keyId,
        context: { tenant: tenantOfDeployment(), ref: secretRef, version },
      });
      const secretId: string | null = await ctx.runMutation(internal.secrets.internal.storeSealedSecret, {
        secretRef,
        version,
        envelope,
        ...(metadata === undefined ? {} : { metadata }),
      });
      if (secretId !== null) return { secretId, secretRef, version };
    }
    throw agentFactoryError(
      "invalid_argument",
      `Secret "${secretRef}" is being imported by others right now. Try again.`,
    );
  },
});

export const secretStatus = query({
  args: { secretRefs: v.array(v.string()) },
  returns: v.array(vSecretStatus),
  handler: async (ctx, { secretRefs }) => {
    requireIntegerBetween("secretRefs.length", secretRefs.length, 0, MAX_STATUS_REFS);
    const statuses = [];
    for (const secretRef of secretRefs) {
      const row = await ctx.db
        .query("secrets")
        .withIndex("by_secret_ref", (range) => range.eq("secretRef", secretRef))
        .unique();
      statuses.push({ secretRef, hasActive: row !== null, version: row?.version ?? null });
    }
    return statuses;
  },
});
