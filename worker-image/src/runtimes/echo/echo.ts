/** The runtime that needs no model and no key: it repeats what it is told and keeps notes in the workspace, for real. */
import type { Usage } from "../../../../src/shared/payload.js";
import { readInteger } from "../../config.js";
import { sleep } from "../../timing.js";
import { InProcessRuntime } from "../in-process.js";
import type {
  RuntimeCapabilities,
  RuntimeContext,
  RuntimeEvent,
  RuntimeFailure,
  RuntimeKind,
  TurnInput,
} from "../runtime.js";
import { parseCommand, type EchoCommand } from "./commands.js";
import { addNote, NotesLimit, readNotes, removeNote } from "./notes.js";
import { echoReply, forgottenReply, listReply, recallReply, rememberedReply } from "./reply.js";

/** The pause between two words of a reply, in ms. */
const DELAY_VARIABLE = "AGENT_FACTORY_ECHO_DELAY_MS";
/** About 60 words a second: quick to read along, slow enough to be seen streaming. */
const DEFAULT_DELAY_MS = 15;

/** However long the message, its echo is over within seconds: 1,000 pauses of the default length are 15 s. */
const MAX_PIECES = 1_000;

export const echoRuntimeKind: RuntimeKind = {
  configure(environment) {
    const delayMs = readInteger(environment, DELAY_VARIABLE, { fallback: DEFAULT_DELAY_MS, min: 0, max: 10_000 });
    return (context) => new EchoRuntime(context, delayMs);
  },
};

class EchoRuntime extends InProcessRuntime {
  readonly capabilities: RuntimeCapabilities = { streamsText: true, reportsTools: true, usageUnit: "words" };

  constructor(
    context: RuntimeContext,
    private readonly delayMs: number,
  ) {
    super(context);
  }

  protected async *turn(input: TurnInput, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const command = parseCommand(input.message);
    const call = {
      toolName: command.kind === "remember" || command.kind === "forget" ? "write_notes" : "read_notes",
      callId: `${input.turnId}/notes`,
    };
    yield { type: "tool", call: { ...call, status: "running" } };
    let reply: string;
    try {
      reply = await this.act(command);
    } catch (error) {
      yield { type: "tool", call: { ...call, status: "failed" } };
      throw error;
    }
    yield { type: "tool", call: { ...call, status: "done" } };

    for (const piece of pieces(reply, MAX_PIECES)) {
      if (this.delayMs > 0) await sleep(this.delayMs, signal);
      if (signal.aborted) break;
      yield { type: "text", text: piece };
    }
    yield { type: "usage", usage: usageOf(input.message, reply) };
  }

  protected explain(error: unknown): RuntimeFailure {
    if (error instanceof NotesLimit) return { kind: "invalid_input", message: error.message };
    // Nothing else of a turn can fail.
    this.context.logger.warn({ error }, "The notes could not be read or written.");
    return { kind: "disk_full", message: "The notes file could not be read or written." };
  }

  private async act(command: EchoCommand): Promise<string> {
    const workspace = this.context.workspaceDirectory;
    switch (command.kind) {
      case "remember":
        return rememberedReply(command.text, await addNote(workspace, command.text));
      case "list":
        return listReply(await readNotes(workspace));
      case "forget": {
        const removed = await removeNote(workspace, command.number);
        return forgottenReply(command.number, removed, (await readNotes(workspace)).length);
      }
      case "recall":
        return recallReply(command.words, await readNotes(workspace));
      case "echo":
        return echoReply(command.text, (await readNotes(workspace)).length);
    }
  }
}

/** A text in at most `most` pieces of one or more words with the space before them; joined they are the text again. */
export function pieces(text: string, most: number): string[] {
  const words = text.match(/\s*\S+|\s+$/g) ?? [];
  const wordsPerPiece = Math.max(1, Math.ceil(words.length / most));
  return Array.from({ length: Math.ceil(words.length / wordsPerPiece) }, (_, index) =>
    words.slice(index * wordsPerPiece, (index + 1) * wordsPerPiece).join(""),
  );
}

/** There are no tokens without a model, so words are counted in their place; nothing is charged. */
function usageOf(message: string, reply: string): Usage {
  const wordsIn = (text: string) => text.match(/\S+/g)?.length ?? 0;
  return { inputTokens: wordsIn(message), outputTokens: wordsIn(reply), costUsd: 0 };
}
