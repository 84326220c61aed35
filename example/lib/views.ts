/** The shapes the pages show, derived from the functions they call, so that a change there is a compile error here. */
import type { FunctionReturnType } from "convex/server";
import type { api } from "../convex/_generated/api";

type Factory = typeof api.agentFactory;

export type ConversationView = FunctionReturnType<Factory["getConversationViewForUserAgent"]>;
export type QueueItem = ConversationView["queueItems"][number];
export type LiveTurn = NonNullable<ConversationView["liveTurn"]>;
export type ToolCall = LiveTurn["toolCalls"][number];
export type Snapshot = FunctionReturnType<Factory["listSnapshotsForUserAgent"]>[number];
export type Worker = FunctionReturnType<Factory["listWorkers"]>[number];
export type WorkerStatus = Worker["status"];
export type QueueStats = FunctionReturnType<Factory["queueStats"]>;
export type PoolHealth = FunctionReturnType<Factory["poolHealth"]>;
export type ProviderConfig = NonNullable<FunctionReturnType<Factory["getProviderRuntimeConfig"]>>;
