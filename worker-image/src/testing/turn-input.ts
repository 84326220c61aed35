/** A turn's input with nothing in it but what a test gives. */
import type { TurnInput } from "../runtimes/runtime.js";

export function turnInput(given: Partial<TurnInput> & Pick<TurnInput, "message">): TurnInput {
  return {
    turnId: "turn-1",
    attachments: [],
    skills: [],
    history: [],
    agent: { key: "agent", version: "1", displayName: null, instructions: null, model: null, tools: null },
    environment: {},
    ...given,
  };
}
