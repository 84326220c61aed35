/** The runtime that needs no model and no key: it repeats what it is told, keeps notes and handles files, for real. */
import { withoutAttachments } from "../../attachments/describe.js";
import type { Usage } from "../../../../src/shared/payload.js";
import { readInteger } from "../../config.js";
import { diskProblem } from "../../disk-failure.js";
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
import { handOver, lookAt, type SeenFile } from "./files.js";
import { addNote, NOTES_FILE, NotesLimit, readNotes, removeNote } from "./notes.js";
import {
  DISCLAIMER,
  echoReply,
  exportReply,
  filesReply,
  forgottenReply,
  listReply,
  recallReply,
  rememberedReply,
  returnReply,
} from "./reply.js";

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

const TOOL_OF_COMMAND: Record<EchoCommand["kind"], string> = {
  remember: "write_notes",
  forget: "write_notes",
  list: "read_notes",
  recall: "read_notes",
  echo: "read_notes",
  export: "hand_over",
  return: "hand_over",
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
    const text = withoutAttachments(input.message);
    const command = parseCommand(text);
    const call = { toolName: TOOL_OF_COMMAND[command.kind], callId: `${input.turnId}/notes` };
    yield { type: "tool", call: { ...call, status: "running" } };
    let reply: string;
    try {
      const files = await lookAt(this.context.workspaceDirectory, input.attachments);
      reply = await this.answer(command, files);
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
    yield { type: "usage", usage: usageOf(text, reply) };
  }

  protected explain(error: unknown): RuntimeFailure {
    if (error instanceof NotesLimit) return { kind: "invalid_input", message: error.message };
    // Nothing else of a turn can fail.
    this.context.logger.warn({ error }, "The workspace could not be read or written.");
    const disk = diskProblem(error);
    if (disk !== null) return { kind: "disk_full", message: disk };
    return { kind: "runtime_crashed", message: "The workspace could not be read or written." };
  }

  private async answer(command: EchoCommand, files: readonly SeenFile[]): Promise<string> {
    const sawFiles = files.length > 0 && command.kind !== "return";
    if (sawFiles && command.kind === "echo" && command.text === "") return `${DISCLAIMER} ${filesReply(files)}`;
    const reply = await this.act(command, files);
    return sawFiles ? `${reply}\n\n${filesReply(files)}` : reply;
  }

  private async act(command: EchoCommand, files: readonly SeenFile[]): Promise<string> {
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
      case "export": {
        const notes = await readNotes(workspace);
        if (notes.length > 0) await handOver(workspace, [{ path: NOTES_FILE, name: NOTES_FILE }]);
        return exportReply(notes.length);
      }
      case "return":
        await handOver(workspace, files);
        return returnReply(files.length);
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
