/* eslint-disable */
/**
 * Generated `ComponentApi` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type { FunctionReference } from "convex/server";

/**
 * A utility for referencing a Convex component's exposed API.
 *
 * Useful when expecting a parameter like `components.myComponent`.
 * Usage:
 * ```ts
 * async function myFunction(ctx: QueryCtx, component: ComponentApi) {
 *   return ctx.runQuery(component.someFile.someQuery, { ...args });
 * }
 * ```
 */
export type ComponentApi<Name extends string | undefined = string | undefined> =
  {
    agents: {
      public: {
        configureAgent: FunctionReference<
          "mutation",
          "internal",
          {
            agentKey: string;
            botIdentity?: string;
            bridgeConfig?: {
              appBaseUrlMapJsonSecretRef?: string;
              appKey?: string;
              baseUrl?: string;
              enabled: boolean;
              serviceId?: string;
              serviceKeySecretRef?: string;
            };
            displayName?: string;
            enabled: boolean;
            secretsRef: Array<string>;
            version: string;
          },
          string,
          Name
        >;
        getRequiredSecretRefs: FunctionReference<
          "query",
          "internal",
          { agentKey?: string },
          { agentKey: string | null; secretRefs: Array<string> },
          Name
        >;
      };
    };
    identity: {
      public: {
        bindUserAgent: FunctionReference<
          "mutation",
          "internal",
          {
            agentKey: string;
            botIdentity?: string;
            consumerUserId: string;
            metadata?: Record<string, string>;
            source?: "manual" | "telegram_pairing" | "api";
            telegramChatId?: string;
            telegramUserId?: string;
          },
          {
            agentKey: string;
            botIdentity: string | null;
            boundAt: number;
            consumerUserId: string;
            conversationId: string;
            metadata: Record<string, string> | null;
            revokedAt: number | null;
            source: "manual" | "telegram_pairing" | "api";
            status: "active" | "revoked";
            telegramChatId: string | null;
            telegramUserId: string | null;
          },
          Name
        >;
        getUserAgentBinding: FunctionReference<
          "query",
          "internal",
          { consumerUserId: string },
          {
            agentKey: string;
            botIdentity: string | null;
            boundAt: number;
            consumerUserId: string;
            conversationId: string;
            metadata: Record<string, string> | null;
            revokedAt: number | null;
            source: "manual" | "telegram_pairing" | "api";
            status: "active" | "revoked";
            telegramChatId: string | null;
            telegramUserId: string | null;
          } | null,
          Name
        >;
        resolveAgentForUser: FunctionReference<
          "query",
          "internal",
          { consumerUserId: string },
          { agentKey: string | null; consumerUserId: string },
          Name
        >;
        revokeUserAgentBinding: FunctionReference<
          "mutation",
          "internal",
          { consumerUserId: string },
          { revoked: number },
          Name
        >;
      };
    };
    secrets: {
      public: {
        importSecret: FunctionReference<
          "action",
          "internal",
          {
            metadata?: Record<string, string>;
            plaintextValue: string;
            secretRef: string;
          },
          { secretId: string; secretRef: string; version: number },
          Name
        >;
        secretStatus: FunctionReference<
          "query",
          "internal",
          { secretRefs: Array<string> },
          Array<{
            hasActive: boolean;
            secretRef: string;
            version: number | null;
          }>,
          Name
        >;
      };
    };
  };
