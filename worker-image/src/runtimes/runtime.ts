/** What an agent runtime must be able to do for the worker. One instance serves one conversation, one turn at a time. */
import type { FailureKind } from "../../../src/shared/failure.js";
import type { Attachment, ToolCall, TranscriptEntry, Usage } from "../../../src/shared/payload.js";
import type { Environment } from "../config.js";
import type { Logger } from "../logger.js";
import type { Excludes } from "../snapshots/tree-scan.js";

/** Why a turn has no reply. */
export type RuntimeFailure = {
  /** `aborted`: on request. Of the others, `FAILURE_KINDS` says whether the same message is worth another try. */
  kind: FailureKind | "aborted";
  /** One sentence for the user: what happened and what to do. Never a secret. */
  message: string;
  /** The least wait before another try, in ms, as whoever refused this one asked for. */
  retryAfterMs?: number;
};

/** What {@link Runtime.start} throws when it knows why; of any other error only the message is told. */
export class RuntimeNotStarted extends Error {
  override readonly name = "RuntimeNotStarted";

  constructor(
    message: string,
    readonly kind: FailureKind,
  ) {
    super(message);
  }
}

/** A turn is any number of these, and at its end exactly one `done` or `error`. */
export type RuntimeEvent =
  | { type: "text"; text: string }
  /** A tool call's newest state; later events of the same `callId` replace earlier ones. */
  | { type: "tool"; call: ToolCall }
  /** What the turn has used so far; the last one counts. */
  | { type: "usage"; usage: Usage }
  | { type: "done" }
  | { type: "error"; failure: RuntimeFailure };

export type RuntimeCapabilities = {
  /** Text arrives while the turn runs, not only at its end. */
  streamsText: boolean;
  reportsTools: boolean;
  /** What the token counts of its usage really count. */
  usageUnit: "tokens" | "words";
};

export type RuntimeContext = {
  conversationId: string;
  /** The agent's files. Part of the snapshot. */
  workspaceDirectory: string;
  /** The runtime's own state. Part of the snapshot too. */
  stateDirectory: string;
  /** For what need not survive; not part of the snapshot. */
  temporaryDirectory: string;
  logger: Logger;
};

export type AgentProfile = {
  key: string;
  version: string;
  displayName: string | null;
  /** What the agent is and how it behaves: its system prompt. */
  instructions: string | null;
  /** The model to ask, as the runtime's provider names it; `null` is the runtime's own choice. */
  model: string | null;
  /** The runtime's tools that this agent may use; `null` is all of them. */
  tools: readonly string[] | null;
};

/** A file that came with the message and lies in the workspace. */
export type TurnAttachment = {
  /** Below the workspace folder, parts joined by `/`. */
  path: string;
  kind: Attachment["kind"];
  mimeType: string | null;
  sizeBytes: number;
};

/** A skill, as its `SKILL.md` introduces itself; `directory` is below the workspace, parts joined by `/`. */
export type TurnSkill = { name: string; description: string; directory: string };

export type TurnInput = {
  /** The same for a repeated try of the same attempt: an idempotency key. */
  turnId: string;
  /** What the user said; attachments are named at its end, those that could not be fetched too. */
  message: string;
  attachments: readonly TurnAttachment[];
  /** What lies ready in the workspace for an agent to read up on, each with a `SKILL.md`. */
  skills: readonly TurnSkill[];
  /** Earlier entries of the conversation, oldest first. */
  history: readonly TranscriptEntry[];
  agent: AgentProfile;
  /**
   * The agent's own variables, secrets among them, for this turn and what it starts. A runtime keeps them in memory only,
   * and no longer than the processes that need them; they are never written, logged, or part of an event.
   */
  environment: Readonly<Record<string, string>>;
};

/** For whom a runtime gets ready: what a process that outlives the turn has to know before it begins. */
export type StartInput = Pick<TurnInput, "agent" | "environment">;

export interface Runtime {
  readonly capabilities: RuntimeCapabilities;
  /**
   * Gets ready for turns of this agent. Called before each turn: whoever is ready for the same agent already returns at
   * once. Throws {@link RuntimeNotStarted}, or an `Error` whose message is fit for the user.
   */
  start(input: StartInput): Promise<void>;
  /** Whether it could take a turn right now, and if not, why. */
  health(): Promise<{ isHealthy: boolean; detail?: string }>;
  /** Runs one turn. The iterator itself never throws: what goes wrong is its terminal event. */
  runTurn(input: TurnInput): AsyncIterable<RuntimeEvent>;
  /** Ends the turn with the failure `aborted` within two seconds; does nothing when it is over. */
  abort(turnId: string): Promise<void>;
  /** Makes the files stand still for a snapshot, between turns; the returned function ends that. */
  quiesce(): Promise<() => Promise<void>>;
  /** Lets go of everything. May be called at any time and more than once. */
  stop(): Promise<void>;
  /** What not to save, below the conversation's folder (`workspace/...`, `state/...`). */
  snapshotExcludes(): Excludes;
}

/** A kind of runtime, as the registry lists it. */
export type RuntimeKind = {
  /** Reads the kind's own settings. @throws ConfigError */
  configure(environment: Environment): (context: RuntimeContext) => Runtime;
};
