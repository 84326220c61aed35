/** How much of the model is run, and where a run begins: from the environment, as `npm run test:model` sets it. */
import { randomInt } from "node:crypto";
import process from "node:process";

export type ModelOptions = {
  runs: number;
  length: number;
  seed: number;
  path?: string;
  replayPath?: string;
  shrinks: boolean;
};

/** What CI runs. */
export const DEFAULT_RUNS = 200;
export const DEFAULT_LENGTH = 60;

export function modelOptions(environment: NodeJS.ProcessEnv = process.env): ModelOptions {
  const { MODEL_RUNS, MODEL_LENGTH, MODEL_SEED, MODEL_PATH, MODEL_REPLAY, MODEL_SHRINK } = environment;
  return {
    runs: Number(MODEL_RUNS ?? DEFAULT_RUNS),
    length: Number(MODEL_LENGTH ?? DEFAULT_LENGTH),
    seed: MODEL_SEED === undefined ? randomInt(2 ** 31 - 1) : Number(MODEL_SEED),
    // Whoever only wants to know whether it fails saves the time to find out how little it takes.
    shrinks: MODEL_SHRINK !== "0",
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
    ...(MODEL_REPLAY === undefined ? {} : { replayPath: MODEL_REPLAY }),
  };
}
