/** Remembers what mutations answered, so that a client which asks again after a lost answer gets it, and nothing runs twice. */
import type { JSONValue } from "convex/values";
import type { SavedAnswer } from "./records.js";

/** A client resends what was in flight when its connection broke: a handful, seldom later than it takes to reconnect. */
const MAX_ANSWERS = 10_000;
/** Answers can be large; together they must not become a burden to memory. */
const MAX_CHARACTERS = 32 << 20;

export interface Answer {
  value: JSONValue;
  logLines: string[];
  ts: bigint;
}

export class RequestAnswers {
  /** Oldest first. */
  private readonly answers = new Map<string, Answer & { characters: number }>();
  private characters = 0;

  get(key: string): Answer | undefined {
    return this.answers.get(key);
  }

  add(key: string, answer: Answer): void {
    this.remove(key);
    const characters = JSON.stringify(answer.value).length + answer.logLines.join("").length;
    this.answers.set(key, { ...answer, characters });
    this.characters += characters;
    for (const oldest of this.answers.keys()) {
      if (oldest === key || (this.answers.size <= MAX_ANSWERS && this.characters <= MAX_CHARACTERS)) break;
      this.remove(oldest);
    }
  }

  *saved(): Generator<SavedAnswer> {
    for (const [key, { value, logLines, ts }] of this.answers) yield { key, value, logLines, ts: String(ts) };
  }

  private remove(key: string): void {
    this.characters -= this.answers.get(key)?.characters ?? 0;
    this.answers.delete(key);
  }
}
