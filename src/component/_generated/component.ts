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
            environment?: Record<string, string>;
            hooks?: { afterTurn?: Array<string>; beforeTurn?: Array<string> };
            instructions?: string;
            model?: string;
            queuePolicy?: {
              backoff?: {
                baseMs: number;
                capMs: number;
                factor: number;
                jitter: number;
              };
              maxAttempts?: number;
              maxConcurrent?: number;
              maxConcurrentPerUser?: number;
              maxQueuedPerConversation?: number;
              overflow?: "reject" | "drop_new" | "drop_old" | "summarize";
            };
            secretsRef: Array<string>;
            skillsChannel?: "stable" | "canary";
            tools?: Array<string>;
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
    console: {
      public: {
        cancelMessageForUserAgent: FunctionReference<
          "mutation",
          "internal",
          { agentKey: string; consumerUserId: string; messageId: string },
          {
            canceled: boolean;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
          },
          Name
        >;
        discardMediaUpload: FunctionReference<
          "mutation",
          "internal",
          {
            agentKey: string;
            consumerUserId: string;
            storageId?: string;
            uploadId: string;
          },
          boolean,
          Name
        >;
        fleetTimeline: FunctionReference<
          "query",
          "internal",
          { before?: number; limit?: number; workerId?: string },
          Array<{
            at: number;
            from:
              | "starting"
              | "active"
              | "suspended"
              | "draining"
              | "stopping"
              | "stopped"
              | null;
            kind: string;
            machineId: string | null;
            reason: string;
            to:
              | "starting"
              | "active"
              | "suspended"
              | "draining"
              | "stopping"
              | "stopped"
              | null;
            workerId: string | null;
          }>,
          Name
        >;
        generateMediaUploadUrl: FunctionReference<
          "mutation",
          "internal",
          { agentKey: string; consumerUserId: string; mimeType?: string },
          {
            contentType: string;
            expiresAt: number;
            uploadId: string;
            uploadUrl: string;
          },
          Name
        >;
        getActiveUserAgent: FunctionReference<
          "query",
          "internal",
          { consumerUserId: string },
          {
            agentKey: string;
            bindingStatus: "active" | "revoked" | null;
            canChat: boolean;
            canCreateNewAgent: boolean;
            canDisable: boolean;
            canManagePushJobs: boolean;
            consumerUserId: string;
            conversationId: string | null;
            displayName: string | null;
            pairingStatus: "pending" | "used" | "expired" | null;
            status: "draft" | "pairing" | "active" | "disabled" | "failed";
            telegramUsername: string | null;
            version: string | null;
          } | null,
          Name
        >;
        getConversationViewForUserAgent: FunctionReference<
          "query",
          "internal",
          { agentKey: string; consumerUserId: string; limit?: number },
          {
            contextHistory: Array<{
              at: number;
              attachments?: Array<{
                downloadUrl: string | null;
                fileName: string | null;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType: string | null;
                sizeBytes: number | null;
              }>;
              content: string;
              file?: {
                downloadUrl: string | null;
                fileName: string;
                mimeType: string | null;
                sizeBytes: number;
              };
              role: "system" | "user" | "assistant" | "tool";
            }>;
            conversationId: string;
            hasQueuedJobs: boolean;
            lastAssistantMessageAt: number | null;
            lastUserMessageAt: number | null;
            latestMessageId: string | null;
            liveTurn: {
              attempt: number;
              messageId: string;
              startedAt: number;
              text: string;
              toolCalls: Array<{
                callId: string;
                status: "pending" | "running" | "done" | "failed";
                toolName: string;
              }>;
            } | null;
            pendingToolCalls: Array<{
              callId: string;
              status: "pending" | "running" | "done" | "failed";
              toolName: string;
            }>;
            queueItems: Array<{
              _creationTime: number;
              _id: string;
              agentKey: string;
              attempts: number;
              conversationId: string;
              lastError: string | null;
              maxAttempts: number;
              payload: {
                attachments?: Array<{
                  downloadUrl?: string;
                  expiresAt: number;
                  fileName?: string;
                  kind: "photo" | "video" | "audio" | "voice" | "document";
                  mimeType?: string;
                  sha256?: string;
                  sizeBytes?: number;
                  status: "ready" | "expired";
                  storageId: string;
                  telegramFileId?: string;
                }>;
                externalMessageId?: string;
                messageText: string;
                metadata?: Record<string, string>;
                provider: string;
                providerUserId: string;
                rawUpdateJson?: string;
              };
              priority: number;
              scheduledFor: number;
              status:
                | "queued"
                | "processing"
                | "done"
                | "failed"
                | "dead_letter"
                | "canceled"
                | "dropped";
              waitingReason: { kind: string; message: string } | null;
            }>;
          },
          Name
        >;
        getLatestSnapshotForUserAgent: FunctionReference<
          "query",
          "internal",
          { agentKey: string; consumerUserId: string },
          {
            conversationId: string;
            createdAt: number;
            downloadUrl: string | null;
            sha256: string | null;
            sizeBytes: number | null;
            snapshotId: string;
            status: "uploading" | "ready" | "failed" | "expired";
          } | null,
          Name
        >;
        getUserAgent: FunctionReference<
          "query",
          "internal",
          { agentKey: string; consumerUserId: string },
          {
            agentKey: string;
            bindingStatus: "active" | "revoked" | null;
            canChat: boolean;
            canCreateNewAgent: boolean;
            canDisable: boolean;
            canManagePushJobs: boolean;
            consumerUserId: string;
            conversationId: string | null;
            displayName: string | null;
            pairingStatus: "pending" | "used" | "expired" | null;
            status: "draft" | "pairing" | "active" | "disabled" | "failed";
            telegramUsername: string | null;
            version: string | null;
          } | null,
          Name
        >;
        getUserAgentsOverview: FunctionReference<
          "query",
          "internal",
          { consumerUserId: string },
          {
            activeAgentKey: string | null;
            agents: Array<{
              agentKey: string;
              bindingStatus: "active" | "revoked" | null;
              canChat: boolean;
              canCreateNewAgent: boolean;
              canDisable: boolean;
              canManagePushJobs: boolean;
              consumerUserId: string;
              conversationId: string | null;
              displayName: string | null;
              pairingStatus: "pending" | "used" | "expired" | null;
              status: "draft" | "pairing" | "active" | "disabled" | "failed";
              telegramUsername: string | null;
              version: string | null;
            }>;
            canCreateNewAgent: boolean;
          },
          Name
        >;
        listQueueItemsForConversation: FunctionReference<
          "query",
          "internal",
          { conversationId: string; limit?: number },
          Array<{
            _creationTime: number;
            _id: string;
            agentKey: string;
            attempts: number;
            conversationId: string;
            lastError: string | null;
            maxAttempts: number;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sha256?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId?: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            priority: number;
            scheduledFor: number;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
            waitingReason: { kind: string; message: string } | null;
          }>,
          Name
        >;
        listQueueItemsForUserAgent: FunctionReference<
          "query",
          "internal",
          {
            agentKey: string;
            consumerUserId: string;
            limit?: number;
            statuses?: Array<
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped"
            >;
          },
          Array<{
            _creationTime: number;
            _id: string;
            agentKey: string;
            attempts: number;
            conversationId: string;
            lastError: string | null;
            maxAttempts: number;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sha256?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId?: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            priority: number;
            scheduledFor: number;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
            waitingReason: { kind: string; message: string } | null;
          }>,
          Name
        >;
        listSnapshotsForConversation: FunctionReference<
          "query",
          "internal",
          { conversationId: string; limit?: number },
          Array<{
            conversationId: string;
            createdAt: number;
            downloadUrl: string | null;
            sha256: string | null;
            sizeBytes: number | null;
            snapshotId: string;
            status: "uploading" | "ready" | "failed" | "expired";
          }>,
          Name
        >;
        listSnapshotsForUserAgent: FunctionReference<
          "query",
          "internal",
          { agentKey: string; consumerUserId: string; limit?: number },
          Array<{
            conversationId: string;
            createdAt: number;
            downloadUrl: string | null;
            sha256: string | null;
            sizeBytes: number | null;
            snapshotId: string;
            status: "uploading" | "ready" | "failed" | "expired";
          }>,
          Name
        >;
        listUserAgents: FunctionReference<
          "query",
          "internal",
          { consumerUserId: string; includeDisabled?: boolean },
          Array<{
            agentKey: string;
            bindingStatus: "active" | "revoked" | null;
            canChat: boolean;
            canCreateNewAgent: boolean;
            canDisable: boolean;
            canManagePushJobs: boolean;
            consumerUserId: string;
            conversationId: string | null;
            displayName: string | null;
            pairingStatus: "pending" | "used" | "expired" | null;
            status: "draft" | "pairing" | "active" | "disabled" | "failed";
            telegramUsername: string | null;
            version: string | null;
          }>,
          Name
        >;
        listWorkers: FunctionReference<
          "query",
          "internal",
          { limit?: number },
          Array<{
            appName: string | null;
            createdAt: number;
            generation: number;
            heartbeatAt: number;
            isolationKey: string | null;
            load: number;
            machineId: string | null;
            machineName: string | null;
            region: string | null;
            status:
              | "starting"
              | "active"
              | "suspended"
              | "draining"
              | "stopping"
              | "stopped";
            statusReason: string;
            statusSince: number;
            workerId: string;
          }>,
          Name
        >;
        ownerOfConversation: FunctionReference<
          "query",
          "internal",
          { conversationId: string },
          { agentKey: string; consumerUserId: string } | null,
          Name
        >;
        sendMessageToUserAgent: FunctionReference<
          "mutation",
          "internal",
          {
            agentKey: string;
            attachments?: Array<{
              fileName?: string;
              kind?: "photo" | "video" | "audio" | "voice" | "document";
              storageId: string;
            }>;
            consumerUserId: string;
            content: string;
            metadata?: Record<string, string>;
          },
          string,
          Name
        >;
        workerStats: FunctionReference<
          "query",
          "internal",
          {},
          {
            activeCount: number;
            idleCount: number;
            workers: Array<{
              appName: string | null;
              createdAt: number;
              generation: number;
              heartbeatAt: number;
              isolationKey: string | null;
              load: number;
              machineId: string | null;
              machineName: string | null;
              region: string | null;
              status:
                | "starting"
                | "active"
                | "suspended"
                | "draining"
                | "stopping"
                | "stopped";
              statusReason: string;
              statusSince: number;
              workerId: string;
            }>;
          },
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
    lib: {
      addTurnFile: FunctionReference<
        "mutation",
        "internal",
        {
          fileName: string;
          generation: number;
          leaseId: string;
          messageId: string;
          mimeType?: string;
          sha256: string;
          sizeBytes: number;
          storageId: string;
          workerId: string;
          workerToken: string;
        },
        boolean,
        Name
      >;
      agentQueueStats: FunctionReference<
        "query",
        "internal",
        { agentKey: string },
        {
          canceled: number;
          deadLetter: number;
          done: number;
          donePerMinute: number;
          dropped: number;
          oldestReadyAgeMs: number | null;
          oldestReadyAt: number | null;
          processing: number;
          queued: number;
          queuedReady: number;
        },
        Name
      >;
      appendConversationMessages: FunctionReference<
        "mutation",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          messages: Array<{
            content: string;
            role: "system" | "user" | "assistant" | "tool";
          }>;
          workerId: string;
          workerToken: string;
        },
        { messageCount: number; updated: boolean },
        Name
      >;
      appendTurnDelta: FunctionReference<
        "mutation",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          offset: number;
          text: string;
          tools?: Array<{
            callId: string;
            status: "pending" | "running" | "done" | "failed";
            toolName: string;
          }>;
          workerId: string;
          workerToken: string;
        },
        { length: number },
        Name
      >;
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
      cancelMessage: FunctionReference<
        "mutation",
        "internal",
        { messageId: string },
        {
          canceled: boolean;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
        },
        Name
      >;
      cancelMessageForUserAgent: FunctionReference<
        "mutation",
        "internal",
        { agentKey: string; consumerUserId: string; messageId: string },
        {
          canceled: boolean;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
        },
        Name
      >;
      checkIdleShutdowns: FunctionReference<
        "action",
        "internal",
        {},
        {
          checked: number;
          nextCheckScheduled: boolean;
          pending: number;
          stopped: number;
        },
        Name
      >;
      claim: FunctionReference<
        "mutation",
        "internal",
        {
          conversationId?: string;
          knownLeaseIds?: Array<string>;
          workerId: string;
          workerToken: string;
        },
        {
          agentKey: string;
          attempt: number;
          conversationId: string;
          generation: number;
          leaseExpiresAt: number;
          leaseId: string;
          messageId: string;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sha256?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId?: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          runTimeoutMs: number;
        } | null,
        Name
      >;
      complete: FunctionReference<
        "mutation",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          reply: string;
          snapshotId?: string;
          usage?: {
            costUsd?: number;
            inputTokens: number;
            outputTokens: number;
          };
          workerId: string;
          workerToken: string;
        },
        boolean,
        Name
      >;
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
          environment?: Record<string, string>;
          hooks?: { afterTurn?: Array<string>; beforeTurn?: Array<string> };
          instructions?: string;
          model?: string;
          queuePolicy?: {
            backoff?: {
              baseMs: number;
              capMs: number;
              factor: number;
              jitter: number;
            };
            maxAttempts?: number;
            maxConcurrent?: number;
            maxConcurrentPerUser?: number;
            maxQueuedPerConversation?: number;
            overflow?: "reject" | "drop_new" | "drop_old" | "summarize";
          };
          secretsRef: Array<string>;
          skillsChannel?: "stable" | "canary";
          tools?: Array<string>;
          version: string;
        },
        string,
        Name
      >;
      deleteFlyVolume: FunctionReference<
        "action",
        "internal",
        { appName: string; volumeId: string },
        { message: string; ok: boolean; status: number },
        Name
      >;
      deleteGlobalSkill: FunctionReference<
        "mutation",
        "internal",
        { slug: string },
        {
          deleted: boolean;
          deletedReleases: number;
          deletedVersions: number;
          slug: string;
        },
        Name
      >;
      deployGlobalSkill: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          description?: string;
          displayName?: string;
          entryPoint?: string;
          files: Array<{ content: string; path: string; sha256: string }>;
          moduleFormat?: "esm" | "cjs";
          releaseChannel?: "stable" | "canary";
          slug: string;
          version: string;
        },
        {
          releaseChannel: "stable" | "canary";
          releaseId: string;
          sha256: string;
          skillId: string;
          slug: string;
          version: string;
          versionId: string;
        },
        Name
      >;
      discardMediaUpload: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          storageId?: string;
          uploadId: string;
        },
        boolean,
        Name
      >;
      enqueue: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          blocksFollowers?: boolean;
          conversationId: string;
          maxAttempts?: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sha256?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId?: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority?: number;
          scheduledFor?: number;
        },
        string,
        Name
      >;
      enrollWorker: FunctionReference<
        "mutation",
        "internal",
        { enrollmentCredential: string; workerId: string; workerToken: string },
        {
          conversationsPerWorker: number;
          heartbeatIntervalMs: number;
          poolKey: string;
          tokenLifetimeMs: number;
        },
        Name
      >;
      fail: FunctionReference<
        "mutation",
        "internal",
        {
          errorKind?:
            | "invalid_input"
            | "unauthorized"
            | "forbidden"
            | "budget_exceeded"
            | "config_error"
            | "context_overflow"
            | "output_too_large"
            | "agent_removed"
            | "rate_limited"
            | "overloaded"
            | "unreachable"
            | "timeout"
            | "hook_failed"
            | "disk_full"
            | "runtime_crashed"
            | "worker_lost"
            | "unknown";
          errorMessage: string;
          generation: number;
          leaseId: string;
          messageId: string;
          retryAfterMs?: number;
          retryable?: boolean;
          workerId: string;
          workerToken: string;
        },
        {
          deadLettered: boolean;
          nextScheduledFor: number | null;
          requeued: boolean;
        },
        Name
      >;
      failDataSnapshotUpload: FunctionReference<
        "mutation",
        "internal",
        {
          error: string;
          snapshotId: string;
          workerId: string;
          workerToken: string;
        },
        boolean,
        Name
      >;
      finalizeDataSnapshotUpload: FunctionReference<
        "mutation",
        "internal",
        {
          sha256: string;
          sizeBytes: number;
          snapshotId: string;
          storageId: string;
          workerId: string;
          workerToken: string;
        },
        boolean,
        Name
      >;
      fleetTimeline: FunctionReference<
        "query",
        "internal",
        { before?: number; limit?: number; workerId?: string },
        Array<{
          at: number;
          from:
            | "starting"
            | "active"
            | "suspended"
            | "draining"
            | "stopping"
            | "stopped"
            | null;
          kind: string;
          machineId: string | null;
          reason: string;
          to:
            | "starting"
            | "active"
            | "suspended"
            | "draining"
            | "stopping"
            | "stopped"
            | null;
          workerId: string | null;
        }>,
        Name
      >;
      generateMediaUploadUrl: FunctionReference<
        "mutation",
        "internal",
        { agentKey: string; consumerUserId: string; mimeType?: string },
        {
          contentType: string;
          expiresAt: number;
          uploadId: string;
          uploadUrl: string;
        },
        Name
      >;
      generateTurnFileUploadUrl: FunctionReference<
        "mutation",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          workerId: string;
          workerToken: string;
        },
        { uploadUrl: string },
        Name
      >;
      getActiveUserAgent: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string },
        {
          agentKey: string;
          bindingStatus: "active" | "revoked" | null;
          canChat: boolean;
          canCreateNewAgent: boolean;
          canDisable: boolean;
          canManagePushJobs: boolean;
          consumerUserId: string;
          conversationId: string | null;
          displayName: string | null;
          pairingStatus: "pending" | "used" | "expired" | null;
          status: "draft" | "pairing" | "active" | "disabled" | "failed";
          telegramUsername: string | null;
          version: string | null;
        } | null,
        Name
      >;
      getConversationViewForUserAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; limit?: number },
        {
          contextHistory: Array<{
            at: number;
            attachments?: Array<{
              downloadUrl: string | null;
              fileName: string | null;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType: string | null;
              sizeBytes: number | null;
            }>;
            content: string;
            file?: {
              downloadUrl: string | null;
              fileName: string;
              mimeType: string | null;
              sizeBytes: number;
            };
            role: "system" | "user" | "assistant" | "tool";
          }>;
          conversationId: string;
          hasQueuedJobs: boolean;
          lastAssistantMessageAt: number | null;
          lastUserMessageAt: number | null;
          latestMessageId: string | null;
          liveTurn: {
            attempt: number;
            messageId: string;
            startedAt: number;
            text: string;
            toolCalls: Array<{
              callId: string;
              status: "pending" | "running" | "done" | "failed";
              toolName: string;
            }>;
          } | null;
          pendingToolCalls: Array<{
            callId: string;
            status: "pending" | "running" | "done" | "failed";
            toolName: string;
          }>;
          queueItems: Array<{
            _creationTime: number;
            _id: string;
            agentKey: string;
            attempts: number;
            conversationId: string;
            lastError: string | null;
            maxAttempts: number;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sha256?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId?: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            priority: number;
            scheduledFor: number;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
            waitingReason: { kind: string; message: string } | null;
          }>;
        },
        Name
      >;
      getHydrationBundle: FunctionReference<
        "query",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          workerId: string;
          workerToken: string;
        },
        {
          agentKey: string;
          bridgeRuntimeConfig: {
            appBaseUrlMapJson: string | null;
            appKey: string | null;
            baseUrl: string | null;
            botIdentity: string | null;
            serviceId: string | null;
            serviceKey: string | null;
            serviceKeySecretRef: string | null;
          } | null;
          conversationId: string;
          conversationState: {
            contextHistory: Array<{
              at: number;
              attachments?: Array<{
                downloadUrl: string | null;
                fileName: string | null;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType: string | null;
                sizeBytes: number | null;
              }>;
              content: string;
              file?: {
                downloadUrl: string | null;
                fileName: string;
                mimeType: string | null;
                sizeBytes: number;
              };
              role: "system" | "user" | "assistant" | "tool";
            }>;
            pendingToolCalls: Array<{
              callId: string;
              status: "pending" | "running" | "done" | "failed";
              toolName: string;
            }>;
          };
          environment: Record<string, string>;
          messageId: string;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sha256?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId?: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          profile: {
            displayName: string | null;
            hooks: { afterTurn: Array<string>; beforeTurn: Array<string> };
            instructions: string | null;
            model: string | null;
            tools: Array<string> | null;
            version: string;
          };
          skills: {
            manifestVersion: string;
            releaseChannel: "stable" | "canary";
          };
          snapshot: {
            createdAt: number;
            downloadUrl: string;
            sha256: string;
            sizeBytes: number;
            snapshotId: string;
          } | null;
        },
        Name
      >;
      getLatestDataSnapshotForRestore: FunctionReference<
        "query",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          workerId: string;
          workerToken: string;
        },
        {
          createdAt: number;
          downloadUrl: string;
          sha256: string;
          sizeBytes: number;
          snapshotId: string;
        } | null,
        Name
      >;
      getLatestSnapshotForUserAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string },
        {
          conversationId: string;
          createdAt: number;
          downloadUrl: string | null;
          sha256: string | null;
          sizeBytes: number | null;
          snapshotId: string;
          status: "uploading" | "ready" | "failed" | "expired";
        } | null,
        Name
      >;
      getRequiredSecretRefs: FunctionReference<
        "query",
        "internal",
        { agentKey?: string },
        { agentKey: string | null; secretRefs: Array<string> },
        Name
      >;
      getUserAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string },
        {
          agentKey: string;
          bindingStatus: "active" | "revoked" | null;
          canChat: boolean;
          canCreateNewAgent: boolean;
          canDisable: boolean;
          canManagePushJobs: boolean;
          consumerUserId: string;
          conversationId: string | null;
          displayName: string | null;
          pairingStatus: "pending" | "used" | "expired" | null;
          status: "draft" | "pairing" | "active" | "disabled" | "failed";
          telegramUsername: string | null;
          version: string | null;
        } | null,
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
      getUserAgentsOverview: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string },
        {
          activeAgentKey: string | null;
          agents: Array<{
            agentKey: string;
            bindingStatus: "active" | "revoked" | null;
            canChat: boolean;
            canCreateNewAgent: boolean;
            canDisable: boolean;
            canManagePushJobs: boolean;
            consumerUserId: string;
            conversationId: string | null;
            displayName: string | null;
            pairingStatus: "pending" | "used" | "expired" | null;
            status: "draft" | "pairing" | "active" | "disabled" | "failed";
            telegramUsername: string | null;
            version: string | null;
          }>;
          canCreateNewAgent: boolean;
        },
        Name
      >;
      getWorkerControlState: FunctionReference<
        "query",
        "internal",
        { workerId: string; workerToken: string },
        { shouldStop: boolean },
        Name
      >;
      getWorkerGlobalSkillsManifest: FunctionReference<
        "query",
        "internal",
        {
          knownBundles?: Array<string>;
          releaseChannel?: "stable" | "canary";
          workerId: string;
          workerToken: string;
        },
        {
          generatedAt: number;
          layoutVersion: "openclaw-workspace-skill-v1";
          manifestVersion: string;
          releaseChannel: "stable" | "canary";
          skills: Array<{
            entryPoint: string | null;
            files: Array<{ content: string; path: string; sha256: string }>;
            moduleFormat: "esm" | "cjs" | null;
            sha256: string;
            skillDirName: string;
            slug: string;
            version: string;
          }>;
        },
        Name
      >;
      hasQueuedJobsForConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string },
        boolean,
        Name
      >;
      heartbeat: FunctionReference<
        "mutation",
        "internal",
        { workerId: string; workerToken: string },
        boolean,
        Name
      >;
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
      listGlobalSkills: FunctionReference<
        "query",
        "internal",
        {
          limit?: number;
          releaseChannel?: "stable" | "canary";
          status?: "active" | "disabled";
        },
        Array<{
          activeRelease: {
            activatedAt: number;
            entryPoint: string | null;
            moduleFormat: "esm" | "cjs" | null;
            releaseChannel: "stable" | "canary";
            releaseId: string;
            sha256: string;
            version: string;
            versionId: string;
          } | null;
          description?: string;
          displayName: string;
          skillId: string;
          slug: string;
          status: "active" | "disabled";
          updatedAt: number;
        }>,
        Name
      >;
      listJobsByStatus: FunctionReference<
        "query",
        "internal",
        {
          limit?: number;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
        },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          errors: Array<{
            at: number;
            attempt: number;
            kind:
              | "invalid_input"
              | "unauthorized"
              | "forbidden"
              | "budget_exceeded"
              | "config_error"
              | "context_overflow"
              | "output_too_large"
              | "agent_removed"
              | "rate_limited"
              | "overloaded"
              | "unreachable"
              | "timeout"
              | "hook_failed"
              | "disk_full"
              | "runtime_crashed"
              | "worker_lost"
              | "unknown";
            message: string;
          }>;
          lastError?: string;
          maxAttempts: number;
          priority: number;
          scheduledFor: number;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
        }>,
        Name
      >;
      listQueueItemsForConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string; limit?: number },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          lastError: string | null;
          maxAttempts: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sha256?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId?: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority: number;
          scheduledFor: number;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
          waitingReason: { kind: string; message: string } | null;
        }>,
        Name
      >;
      listQueueItemsForUserAgent: FunctionReference<
        "query",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          limit?: number;
          statuses?: Array<
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped"
          >;
        },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          lastError: string | null;
          maxAttempts: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sha256?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId?: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority: number;
          scheduledFor: number;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
          waitingReason: { kind: string; message: string } | null;
        }>,
        Name
      >;
      listSnapshotsForConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string; limit?: number },
        Array<{
          conversationId: string;
          createdAt: number;
          downloadUrl: string | null;
          sha256: string | null;
          sizeBytes: number | null;
          snapshotId: string;
          status: "uploading" | "ready" | "failed" | "expired";
        }>,
        Name
      >;
      listSnapshotsForUserAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; limit?: number },
        Array<{
          conversationId: string;
          createdAt: number;
          downloadUrl: string | null;
          sha256: string | null;
          sizeBytes: number | null;
          snapshotId: string;
          status: "uploading" | "ready" | "failed" | "expired";
        }>,
        Name
      >;
      listUserAgents: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string; includeDisabled?: boolean },
        Array<{
          agentKey: string;
          bindingStatus: "active" | "revoked" | null;
          canChat: boolean;
          canCreateNewAgent: boolean;
          canDisable: boolean;
          canManagePushJobs: boolean;
          consumerUserId: string;
          conversationId: string | null;
          displayName: string | null;
          pairingStatus: "pending" | "used" | "expired" | null;
          status: "draft" | "pairing" | "active" | "disabled" | "failed";
          telegramUsername: string | null;
          version: string | null;
        }>,
        Name
      >;
      listWorkers: FunctionReference<
        "query",
        "internal",
        { limit?: number },
        Array<{
          appName: string | null;
          createdAt: number;
          generation: number;
          heartbeatAt: number;
          isolationKey: string | null;
          load: number;
          machineId: string | null;
          machineName: string | null;
          region: string | null;
          status:
            | "starting"
            | "active"
            | "suspended"
            | "draining"
            | "stopping"
            | "stopped";
          statusReason: string;
          statusSince: number;
          workerId: string;
        }>,
        Name
      >;
      ownerOfConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string },
        { agentKey: string; consumerUserId: string } | null,
        Name
      >;
      poolHealth: FunctionReference<
        "query",
        "internal",
        {},
        {
          breaker: {
            failures: number;
            nextTryAt: number | null;
            state: "closed" | "open" | "half_open";
          };
          lastReconciledAt: number | null;
          poolKey: string;
          problem: { at: number; kind: string; message: string } | null;
          reconcile: "idle" | "scheduled" | "running";
        },
        Name
      >;
      prepareDataSnapshotUpload: FunctionReference<
        "mutation",
        "internal",
        {
          conversationId: string;
          generation: number;
          reason: "checkpoint" | "drain" | "signal" | "manual";
          workerId: string;
          workerToken: string;
        },
        { expiresAt: number; snapshotId: string; uploadUrl: string },
        Name
      >;
      providerRuntimeConfig: FunctionReference<
        "query",
        "internal",
        {},
        {
          appName: string;
          environment?: Record<string, string>;
          functionsModule?: string;
          guest?: {
            cpuKind: "shared" | "performance";
            cpus: number;
            memoryMb: number;
          };
          image: string;
          kind: "fly" | "local";
          organizationSlug?: string;
          regions: Array<string>;
          volume?: { name: string; path: string; sizeGb: number };
        } | null,
        Name
      >;
      queueHealth: FunctionReference<
        "query",
        "internal",
        {},
        { overdueSince: number | null; sweep: "idle" | "working" | "wedged" },
        Name
      >;
      queueStats: FunctionReference<
        "query",
        "internal",
        {},
        {
          canceled: number;
          deadLetter: number;
          done: number;
          donePerMinute: number;
          dropped: number;
          oldestReadyAgeMs: number | null;
          oldestReadyAt: number | null;
          processing: number;
          queued: number;
          queuedReady: number;
        },
        Name
      >;
      reconcileWorkers: FunctionReference<
        "action",
        "internal",
        {},
        { activeWorkers: number; spawned: number; terminated: number },
        Name
      >;
      redrive: FunctionReference<
        "mutation",
        "internal",
        { messageId: string },
        {
          redriven: boolean;
          status:
            | "queued"
            | "processing"
            | "done"
            | "failed"
            | "dead_letter"
            | "canceled"
            | "dropped";
        },
        Name
      >;
      release: FunctionReference<
        "mutation",
        "internal",
        {
          generation: number;
          leaseId: string;
          messageId: string;
          workerId: string;
          workerToken: string;
        },
        boolean,
        Name
      >;
      releaseStuckJobs: FunctionReference<
        "mutation",
        "internal",
        {},
        { requeued: number; unlocked: number },
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
      rotateWorkerToken: FunctionReference<
        "mutation",
        "internal",
        { newWorkerToken: string; workerId: string; workerToken: string },
        { tokenLifetimeMs: number },
        Name
      >;
      runFlyCleanup: FunctionReference<
        "action",
        "internal",
        { dryRun?: boolean; maxPercent?: number },
        {
          appName: string;
          dryRun: boolean;
          errors: Array<string>;
          estimatedUsdPerDay: number;
          machineIdsDeleted: Array<string>;
          machineIdsForeign: Array<string>;
          machineIdsPending: Array<string>;
          machineIdsRemaining: Array<string>;
          machinesDeleted: number;
          machinesFound: number;
          machinesRemaining: number;
          volumeIdsDeleted: Array<string>;
          volumeIdsForeign: Array<string>;
          volumeIdsPending: Array<string>;
          volumeIdsRemaining: Array<string>;
          volumesDeleted: number;
          volumesFound: number;
          volumesRemaining: number;
          warnings: Array<string>;
        },
        Name
      >;
      runRetention: FunctionReference<
        "mutation",
        "internal",
        {},
        {
          files: number;
          messages: number;
          more: boolean;
          rawUpdates: number;
          snapshots: number;
          uploads: number;
          workers: number;
        },
        Name
      >;
      scalingPolicy: FunctionReference<
        "query",
        "internal",
        {},
        {
          bootDeadlineMs: number;
          conversationsPerWorker: number;
          drainDeadlineMs: number;
          idleTimeoutMs: number;
          isolation: "conversation" | "user" | "agent" | "shared";
          leaseDurationMs: number;
          maxWorkers: number;
          minWorkers: number;
          reconcileIntervalMs: number;
          retireAfterMs: number;
          runTimeoutMs: number;
          spawnStep: number;
          suspendAfterMs: number;
          warmWorkers: number;
        },
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
      sendMessageToUserAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          attachments?: Array<{
            fileName?: string;
            kind?: "photo" | "video" | "audio" | "voice" | "document";
            storageId: string;
          }>;
          consumerUserId: string;
          content: string;
          metadata?: Record<string, string>;
        },
        string,
        Name
      >;
      setGlobalSkillStatus: FunctionReference<
        "mutation",
        "internal",
        { actor?: string; slug: string; status: "active" | "disabled" },
        { slug: string; status: "active" | "disabled"; updated: boolean },
        Name
      >;
      setProviderRuntimeConfig: FunctionReference<
        "mutation",
        "internal",
        {
          providerConfig: {
            appName: string;
            environment?: Record<string, string>;
            functionsModule?: string;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "local";
            organizationSlug?: string;
            regions: Array<string>;
            volume?: { name: string; path: string; sizeGb: number };
          };
        },
        null,
        Name
      >;
      setScalingPolicy: FunctionReference<
        "mutation",
        "internal",
        {
          scalingPolicy: {
            bootDeadlineMs?: number;
            conversationsPerWorker?: number;
            drainDeadlineMs?: number;
            idleTimeoutMs?: number;
            isolation?: "conversation" | "user" | "agent" | "shared";
            leaseDurationMs?: number;
            maxWorkers?: number;
            minWorkers?: number;
            reconcileIntervalMs?: number;
            retireAfterMs?: number;
            runTimeoutMs?: number;
            spawnStep?: number;
            suspendAfterMs?: number;
            warmWorkers?: number;
          };
        },
        null,
        Name
      >;
      wipeFlyApp: FunctionReference<
        "action",
        "internal",
        { appName: string },
        {
          appName: string;
          dryRun: boolean;
          errors: Array<string>;
          estimatedUsdPerDay: number;
          machineIdsDeleted: Array<string>;
          machineIdsForeign: Array<string>;
          machineIdsPending: Array<string>;
          machineIdsRemaining: Array<string>;
          machinesDeleted: number;
          machinesFound: number;
          machinesRemaining: number;
          volumeIdsDeleted: Array<string>;
          volumeIdsForeign: Array<string>;
          volumeIdsPending: Array<string>;
          volumeIdsRemaining: Array<string>;
          volumesDeleted: number;
          volumesFound: number;
          volumesRemaining: number;
          warnings: Array<string>;
        },
        Name
      >;
      workerConversationHasQueued: FunctionReference<
        "query",
        "internal",
        { conversationId: string; workerId: string; workerToken: string },
        boolean,
        Name
      >;
      workerDrained: FunctionReference<
        "mutation",
        "internal",
        { workerId: string; workerToken: string },
        null,
        Name
      >;
      workerInbox: FunctionReference<
        "query",
        "internal",
        { wantsWork: boolean; workerId: string; workerToken: string },
        {
          leaseIds: Array<string>;
          state: "run" | "drain" | "stop";
          work: string | null;
        },
        Name
      >;
      workerStats: FunctionReference<
        "query",
        "internal",
        {},
        {
          activeCount: number;
          idleCount: number;
          workers: Array<{
            appName: string | null;
            createdAt: number;
            generation: number;
            heartbeatAt: number;
            isolationKey: string | null;
            load: number;
            machineId: string | null;
            machineName: string | null;
            region: string | null;
            status:
              | "starting"
              | "active"
              | "suspended"
              | "draining"
              | "stopping"
              | "stopped";
            statusReason: string;
            statusSince: number;
            workerId: string;
          }>;
        },
        Name
      >;
    };
    pool: {
      public: {
        checkIdleShutdowns: FunctionReference<
          "action",
          "internal",
          {},
          {
            checked: number;
            nextCheckScheduled: boolean;
            pending: number;
            stopped: number;
          },
          Name
        >;
        deleteFlyVolume: FunctionReference<
          "action",
          "internal",
          { appName: string; volumeId: string },
          { message: string; ok: boolean; status: number },
          Name
        >;
        poolHealth: FunctionReference<
          "query",
          "internal",
          {},
          {
            breaker: {
              failures: number;
              nextTryAt: number | null;
              state: "closed" | "open" | "half_open";
            };
            lastReconciledAt: number | null;
            poolKey: string;
            problem: { at: number; kind: string; message: string } | null;
            reconcile: "idle" | "scheduled" | "running";
          },
          Name
        >;
        providerRuntimeConfig: FunctionReference<
          "query",
          "internal",
          {},
          {
            appName: string;
            environment?: Record<string, string>;
            functionsModule?: string;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "local";
            organizationSlug?: string;
            regions: Array<string>;
            volume?: { name: string; path: string; sizeGb: number };
          } | null,
          Name
        >;
        reconcileWorkers: FunctionReference<
          "action",
          "internal",
          {},
          { activeWorkers: number; spawned: number; terminated: number },
          Name
        >;
        runFlyCleanup: FunctionReference<
          "action",
          "internal",
          { dryRun?: boolean; maxPercent?: number },
          {
            appName: string;
            dryRun: boolean;
            errors: Array<string>;
            estimatedUsdPerDay: number;
            machineIdsDeleted: Array<string>;
            machineIdsForeign: Array<string>;
            machineIdsPending: Array<string>;
            machineIdsRemaining: Array<string>;
            machinesDeleted: number;
            machinesFound: number;
            machinesRemaining: number;
            volumeIdsDeleted: Array<string>;
            volumeIdsForeign: Array<string>;
            volumeIdsPending: Array<string>;
            volumeIdsRemaining: Array<string>;
            volumesDeleted: number;
            volumesFound: number;
            volumesRemaining: number;
            warnings: Array<string>;
          },
          Name
        >;
        scalingPolicy: FunctionReference<
          "query",
          "internal",
          {},
          {
            bootDeadlineMs: number;
            conversationsPerWorker: number;
            drainDeadlineMs: number;
            idleTimeoutMs: number;
            isolation: "conversation" | "user" | "agent" | "shared";
            leaseDurationMs: number;
            maxWorkers: number;
            minWorkers: number;
            reconcileIntervalMs: number;
            retireAfterMs: number;
            runTimeoutMs: number;
            spawnStep: number;
            suspendAfterMs: number;
            warmWorkers: number;
          },
          Name
        >;
        setProviderRuntimeConfig: FunctionReference<
          "mutation",
          "internal",
          {
            providerConfig: {
              appName: string;
              environment?: Record<string, string>;
              functionsModule?: string;
              guest?: {
                cpuKind: "shared" | "performance";
                cpus: number;
                memoryMb: number;
              };
              image: string;
              kind: "fly" | "local";
              organizationSlug?: string;
              regions: Array<string>;
              volume?: { name: string; path: string; sizeGb: number };
            };
          },
          null,
          Name
        >;
        setScalingPolicy: FunctionReference<
          "mutation",
          "internal",
          {
            scalingPolicy: {
              bootDeadlineMs?: number;
              conversationsPerWorker?: number;
              drainDeadlineMs?: number;
              idleTimeoutMs?: number;
              isolation?: "conversation" | "user" | "agent" | "shared";
              leaseDurationMs?: number;
              maxWorkers?: number;
              minWorkers?: number;
              reconcileIntervalMs?: number;
              retireAfterMs?: number;
              runTimeoutMs?: number;
              spawnStep?: number;
              suspendAfterMs?: number;
              warmWorkers?: number;
            };
          },
          null,
          Name
        >;
        wipeFlyApp: FunctionReference<
          "action",
          "internal",
          { appName: string },
          {
            appName: string;
            dryRun: boolean;
            errors: Array<string>;
            estimatedUsdPerDay: number;
            machineIdsDeleted: Array<string>;
            machineIdsForeign: Array<string>;
            machineIdsPending: Array<string>;
            machineIdsRemaining: Array<string>;
            machinesDeleted: number;
            machinesFound: number;
            machinesRemaining: number;
            volumeIdsDeleted: Array<string>;
            volumeIdsForeign: Array<string>;
            volumeIdsPending: Array<string>;
            volumeIdsRemaining: Array<string>;
            volumesDeleted: number;
            volumesFound: number;
            volumesRemaining: number;
            warnings: Array<string>;
          },
          Name
        >;
      };
    };
    queue: {
      public: {
        agentQueueStats: FunctionReference<
          "query",
          "internal",
          { agentKey: string },
          {
            canceled: number;
            deadLetter: number;
            done: number;
            donePerMinute: number;
            dropped: number;
            oldestReadyAgeMs: number | null;
            oldestReadyAt: number | null;
            processing: number;
            queued: number;
            queuedReady: number;
          },
          Name
        >;
        cancelMessage: FunctionReference<
          "mutation",
          "internal",
          { messageId: string },
          {
            canceled: boolean;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
          },
          Name
        >;
        enqueue: FunctionReference<
          "mutation",
          "internal",
          {
            agentKey: string;
            blocksFollowers?: boolean;
            conversationId: string;
            maxAttempts?: number;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sha256?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId?: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            priority?: number;
            scheduledFor?: number;
          },
          string,
          Name
        >;
        hasQueuedJobsForConversation: FunctionReference<
          "query",
          "internal",
          { conversationId: string },
          boolean,
          Name
        >;
        listJobsByStatus: FunctionReference<
          "query",
          "internal",
          {
            limit?: number;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
          },
          Array<{
            _creationTime: number;
            _id: string;
            agentKey: string;
            attempts: number;
            conversationId: string;
            errors: Array<{
              at: number;
              attempt: number;
              kind:
                | "invalid_input"
                | "unauthorized"
                | "forbidden"
                | "budget_exceeded"
                | "config_error"
                | "context_overflow"
                | "output_too_large"
                | "agent_removed"
                | "rate_limited"
                | "overloaded"
                | "unreachable"
                | "timeout"
                | "hook_failed"
                | "disk_full"
                | "runtime_crashed"
                | "worker_lost"
                | "unknown";
              message: string;
            }>;
            lastError?: string;
            maxAttempts: number;
            priority: number;
            scheduledFor: number;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
          }>,
          Name
        >;
        queueHealth: FunctionReference<
          "query",
          "internal",
          {},
          { overdueSince: number | null; sweep: "idle" | "working" | "wedged" },
          Name
        >;
        queueStats: FunctionReference<
          "query",
          "internal",
          {},
          {
            canceled: number;
            deadLetter: number;
            done: number;
            donePerMinute: number;
            dropped: number;
            oldestReadyAgeMs: number | null;
            oldestReadyAt: number | null;
            processing: number;
            queued: number;
            queuedReady: number;
          },
          Name
        >;
        redrive: FunctionReference<
          "mutation",
          "internal",
          { messageId: string },
          {
            redriven: boolean;
            status:
              | "queued"
              | "processing"
              | "done"
              | "failed"
              | "dead_letter"
              | "canceled"
              | "dropped";
          },
          Name
        >;
        releaseStuckJobs: FunctionReference<
          "mutation",
          "internal",
          {},
          { requeued: number; unlocked: number },
          Name
        >;
      };
    };
    retention: {
      public: {
        runRetention: FunctionReference<
          "mutation",
          "internal",
          {},
          {
            files: number;
            messages: number;
            more: boolean;
            rawUpdates: number;
            snapshots: number;
            uploads: number;
            workers: number;
          },
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
    skills: {
      public: {
        deleteGlobalSkill: FunctionReference<
          "mutation",
          "internal",
          { slug: string },
          {
            deleted: boolean;
            deletedReleases: number;
            deletedVersions: number;
            slug: string;
          },
          Name
        >;
        deployGlobalSkill: FunctionReference<
          "mutation",
          "internal",
          {
            actor?: string;
            description?: string;
            displayName?: string;
            entryPoint?: string;
            files: Array<{ content: string; path: string; sha256: string }>;
            moduleFormat?: "esm" | "cjs";
            releaseChannel?: "stable" | "canary";
            slug: string;
            version: string;
          },
          {
            releaseChannel: "stable" | "canary";
            releaseId: string;
            sha256: string;
            skillId: string;
            slug: string;
            version: string;
            versionId: string;
          },
          Name
        >;
        listGlobalSkills: FunctionReference<
          "query",
          "internal",
          {
            limit?: number;
            releaseChannel?: "stable" | "canary";
            status?: "active" | "disabled";
          },
          Array<{
            activeRelease: {
              activatedAt: number;
              entryPoint: string | null;
              moduleFormat: "esm" | "cjs" | null;
              releaseChannel: "stable" | "canary";
              releaseId: string;
              sha256: string;
              version: string;
              versionId: string;
            } | null;
            description?: string;
            displayName: string;
            skillId: string;
            slug: string;
            status: "active" | "disabled";
            updatedAt: number;
          }>,
          Name
        >;
        setGlobalSkillStatus: FunctionReference<
          "mutation",
          "internal",
          { actor?: string; slug: string; status: "active" | "disabled" },
          { slug: string; status: "active" | "disabled"; updated: boolean },
          Name
        >;
      };
    };
    workers: {
      public: {
        addTurnFile: FunctionReference<
          "mutation",
          "internal",
          {
            fileName: string;
            generation: number;
            leaseId: string;
            messageId: string;
            mimeType?: string;
            sha256: string;
            sizeBytes: number;
            storageId: string;
            workerId: string;
            workerToken: string;
          },
          boolean,
          Name
        >;
        appendConversationMessages: FunctionReference<
          "mutation",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            messages: Array<{
              content: string;
              role: "system" | "user" | "assistant" | "tool";
            }>;
            workerId: string;
            workerToken: string;
          },
          { messageCount: number; updated: boolean },
          Name
        >;
        appendTurnDelta: FunctionReference<
          "mutation",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            offset: number;
            text: string;
            tools?: Array<{
              callId: string;
              status: "pending" | "running" | "done" | "failed";
              toolName: string;
            }>;
            workerId: string;
            workerToken: string;
          },
          { length: number },
          Name
        >;
        claim: FunctionReference<
          "mutation",
          "internal",
          {
            conversationId?: string;
            knownLeaseIds?: Array<string>;
            workerId: string;
            workerToken: string;
          },
          {
            agentKey: string;
            attempt: number;
            conversationId: string;
            generation: number;
            leaseExpiresAt: number;
            leaseId: string;
            messageId: string;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sha256?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId?: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            runTimeoutMs: number;
          } | null,
          Name
        >;
        complete: FunctionReference<
          "mutation",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            reply: string;
            snapshotId?: string;
            usage?: {
              costUsd?: number;
              inputTokens: number;
              outputTokens: number;
            };
            workerId: string;
            workerToken: string;
          },
          boolean,
          Name
        >;
        drained: FunctionReference<
          "mutation",
          "internal",
          { workerId: string; workerToken: string },
          null,
          Name
        >;
        enrollWorker: FunctionReference<
          "mutation",
          "internal",
          {
            enrollmentCredential: string;
            workerId: string;
            workerToken: string;
          },
          {
            conversationsPerWorker: number;
            heartbeatIntervalMs: number;
            poolKey: string;
            tokenLifetimeMs: number;
          },
          Name
        >;
        fail: FunctionReference<
          "mutation",
          "internal",
          {
            errorKind?:
              | "invalid_input"
              | "unauthorized"
              | "forbidden"
              | "budget_exceeded"
              | "config_error"
              | "context_overflow"
              | "output_too_large"
              | "agent_removed"
              | "rate_limited"
              | "overloaded"
              | "unreachable"
              | "timeout"
              | "hook_failed"
              | "disk_full"
              | "runtime_crashed"
              | "worker_lost"
              | "unknown";
            errorMessage: string;
            generation: number;
            leaseId: string;
            messageId: string;
            retryAfterMs?: number;
            retryable?: boolean;
            workerId: string;
            workerToken: string;
          },
          {
            deadLettered: boolean;
            nextScheduledFor: number | null;
            requeued: boolean;
          },
          Name
        >;
        failDataSnapshotUpload: FunctionReference<
          "mutation",
          "internal",
          {
            error: string;
            snapshotId: string;
            workerId: string;
            workerToken: string;
          },
          boolean,
          Name
        >;
        finalizeDataSnapshotUpload: FunctionReference<
          "mutation",
          "internal",
          {
            sha256: string;
            sizeBytes: number;
            snapshotId: string;
            storageId: string;
            workerId: string;
            workerToken: string;
          },
          boolean,
          Name
        >;
        generateTurnFileUploadUrl: FunctionReference<
          "mutation",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            workerId: string;
            workerToken: string;
          },
          { uploadUrl: string },
          Name
        >;
        getHydrationBundle: FunctionReference<
          "query",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            workerId: string;
            workerToken: string;
          },
          {
            agentKey: string;
            bridgeRuntimeConfig: {
              appBaseUrlMapJson: string | null;
              appKey: string | null;
              baseUrl: string | null;
              botIdentity: string | null;
              serviceId: string | null;
              serviceKey: string | null;
              serviceKeySecretRef: string | null;
            } | null;
            conversationId: string;
            conversationState: {
              contextHistory: Array<{
                at: number;
                attachments?: Array<{
                  downloadUrl: string | null;
                  fileName: string | null;
                  kind: "photo" | "video" | "audio" | "voice" | "document";
                  mimeType: string | null;
                  sizeBytes: number | null;
                }>;
                content: string;
                file?: {
                  downloadUrl: string | null;
                  fileName: string;
                  mimeType: string | null;
                  sizeBytes: number;
                };
                role: "system" | "user" | "assistant" | "tool";
              }>;
              pendingToolCalls: Array<{
                callId: string;
                status: "pending" | "running" | "done" | "failed";
                toolName: string;
              }>;
            };
            environment: Record<string, string>;
            messageId: string;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sha256?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId?: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            profile: {
              displayName: string | null;
              hooks: { afterTurn: Array<string>; beforeTurn: Array<string> };
              instructions: string | null;
              model: string | null;
              tools: Array<string> | null;
              version: string;
            };
            skills: {
              manifestVersion: string;
              releaseChannel: "stable" | "canary";
            };
            snapshot: {
              createdAt: number;
              downloadUrl: string;
              sha256: string;
              sizeBytes: number;
              snapshotId: string;
            } | null;
          },
          Name
        >;
        getLatestDataSnapshotForRestore: FunctionReference<
          "query",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            workerId: string;
            workerToken: string;
          },
          {
            createdAt: number;
            downloadUrl: string;
            sha256: string;
            sizeBytes: number;
            snapshotId: string;
          } | null,
          Name
        >;
        getWorkerControlState: FunctionReference<
          "query",
          "internal",
          { workerId: string; workerToken: string },
          { shouldStop: boolean },
          Name
        >;
        getWorkerGlobalSkillsManifest: FunctionReference<
          "query",
          "internal",
          {
            knownBundles?: Array<string>;
            releaseChannel?: "stable" | "canary";
            workerId: string;
            workerToken: string;
          },
          {
            generatedAt: number;
            layoutVersion: "openclaw-workspace-skill-v1";
            manifestVersion: string;
            releaseChannel: "stable" | "canary";
            skills: Array<{
              entryPoint: string | null;
              files: Array<{ content: string; path: string; sha256: string }>;
              moduleFormat: "esm" | "cjs" | null;
              sha256: string;
              skillDirName: string;
              slug: string;
              version: string;
            }>;
          },
          Name
        >;
        heartbeat: FunctionReference<
          "mutation",
          "internal",
          { workerId: string; workerToken: string },
          boolean,
          Name
        >;
        inbox: FunctionReference<
          "query",
          "internal",
          { wantsWork: boolean; workerId: string; workerToken: string },
          {
            leaseIds: Array<string>;
            state: "run" | "drain" | "stop";
            work: string | null;
          },
          Name
        >;
        prepareDataSnapshotUpload: FunctionReference<
          "mutation",
          "internal",
          {
            conversationId: string;
            generation: number;
            reason: "checkpoint" | "drain" | "signal" | "manual";
            workerId: string;
            workerToken: string;
          },
          { expiresAt: number; snapshotId: string; uploadUrl: string },
          Name
        >;
        release: FunctionReference<
          "mutation",
          "internal",
          {
            generation: number;
            leaseId: string;
            messageId: string;
            workerId: string;
            workerToken: string;
          },
          boolean,
          Name
        >;
        rotateWorkerToken: FunctionReference<
          "mutation",
          "internal",
          { newWorkerToken: string; workerId: string; workerToken: string },
          { tokenLifetimeMs: number },
          Name
        >;
        workerHasQueued: FunctionReference<
          "query",
          "internal",
          { conversationId: string; workerId: string; workerToken: string },
          boolean,
          Name
        >;
      };
    };
  };
