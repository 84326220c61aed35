/** The two steps at the provider about machines that sleep: freezing one, and starting it again. */
import { ProviderError, type Provider } from "../providers/provider.js";
import { pause } from "./steps.js";

/** A start may come while the machine is still being frozen, which takes a second; more than that is for a later run. */
const START_TRIES = 4;
/** Fly allows one call a second and machine. */
const START_PAUSE_MS = 1_100;
const MAX_PAUSE_MS = 10_000;

/**
 * Asks for the machine to be frozen. Whether it was is seen in the next list, whatever the answer: a machine that still runs
 * then is asked again.
 *
 * @returns false when it certainly never will be
 */
export async function suspendMachine(provider: Provider, machineId: string): Promise<boolean> {
  try {
    await provider.suspendMachine(machineId);
    return true;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind === "unauthorized") throw error;
    return error.kind !== "rejected";
  }
}

/** `started`: it comes up, or is up. `gone`: it does not exist any more. `refused`: it cannot come back. */
export type ResumeOutcome = { kind: "started" } | { kind: "gone" } | { kind: "refused"; error: ProviderError };

/**
 * Starts a suspended machine, until `deadline` (ms) at the latest. Starting what runs changes nothing, so an answer that leaves
 * it open is followed by a look and then by the same request.
 *
 * @throws what leaves it open whether the machine comes up: it is asked again by a later run
 */
export async function resumeMachine(provider: Provider, machineId: string, deadline: number): Promise<ResumeOutcome> {
  let lastError: ProviderError | null = null;
  for (let attempt = 0; attempt < START_TRIES && (attempt === 0 || Date.now() < deadline); attempt++) {
    if (lastError !== null) await pause(Math.min(lastError.details.retryAfterMs ?? START_PAUSE_MS, MAX_PAUSE_MS));
    try {
      await provider.startMachine(machineId);
      return { kind: "started" };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      lastError = error;
    }
    switch (lastError.kind) {
      case "not_found":
        return { kind: "gone" };
      // Its host has no room for it any more, or the provider knows a reason of its own.
      case "no_capacity":
      case "rejected":
        return { kind: "refused", error: lastError };
      case "ambiguous":
      case "busy": {
        const state = await stateOf(provider, machineId);
        if (state === "running" || state === "booting") return { kind: "started" };
        if (state === "gone") return { kind: "gone" };
        break;
      }
      case "unauthorized":
      case "name_taken":
        throw lastError;
    }
  }
  throw lastError ?? new Error("A start must be tried at least once.");
}

async function stateOf(provider: Provider, machineId: string) {
  try {
    return (await provider.getMachine(machineId))?.state ?? "gone";
  } catch (error) {
    if (error instanceof ProviderError) return "unknown";
    throw error;
  }
}
