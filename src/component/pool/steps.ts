/** The two steps at the provider that can go wrong halfway: creating a machine under its one name, and seeing one gone. */
import { ProviderError, type MachineSpec, type ObservedMachine, type Provider } from "../providers/provider.js";
import { hasMetadata, STOP_TIMEOUT_SECONDS } from "./machines.js";

/** Fly allows one create a second and app, three in a burst. */
const CREATE_TRIES_WHEN_BUSY = 5;
const BUSY_PAUSE_MS = 1_200;
/** How often a destroyed machine is looked at before the next reconcile goes on looking. */
const CONFIRMATIONS = 10;
const CONFIRMATION_PAUSE_MS = 500;

export type CreateOutcome =
  | { kind: "created"; machine: ObservedMachine }
  /** It may exist: the row stays, counts, and the next reconcile finds out. */
  | { kind: "unknown" }
  /** It certainly does not exist. */
  | { kind: "failed"; error: ProviderError };

/**
 * Creates the machine in the first region that has room. Its name is unique, so whatever went wrong before, at most one
 * machine results; after any answer that does not say so, the provider is asked what there is.
 */
export async function createMachine(
  provider: Provider,
  regions: string[],
  specFor: (region: string) => MachineSpec,
  metadata: Record<string, string>,
): Promise<CreateOutcome> {
  let lastError: ProviderError | null = null;
  for (const region of regions) {
    for (let attempt = 0; attempt < CREATE_TRIES_WHEN_BUSY; attempt++) {
      try {
        return { kind: "created", machine: await provider.createMachine(specFor(region)) };
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        lastError = error;
        if (error.kind === "ambiguous" || error.kind === "name_taken") return await lookUp(provider, metadata);
        if (error.kind !== "busy") break;
        await pause(BUSY_PAUSE_MS);
      }
    }
    if (lastError?.kind !== "no_capacity") break;
  }
  if (lastError === null) throw new Error("A pool without regions cannot create machines.");
  // Too busy is a refusal as well: nothing was made, but trying again under the same name is all there is to do.
  return { kind: "failed", error: lastError };
}

async function lookUp(provider: Provider, metadata: Record<string, string>): Promise<CreateOutcome> {
  try {
    const machines = await provider.listMachines(metadata);
    const machine = machines.find((candidate) => hasMetadata(candidate.metadata, metadata));
    // Absence from a list proves nothing: a create that was cut off may still come true.
    return machine === undefined || machine.state === "gone" ? { kind: "unknown" } : { kind: "created", machine };
  } catch (error) {
    if (error instanceof ProviderError) return { kind: "unknown" };
    throw error;
  }
}

/**
 * Stops, destroys and confirms. Every step may be repeated at any point.
 *
 * @returns true once the provider says that the machine is gone; false when that is still to be seen
 */
export async function destroyMachine(provider: Provider, machineId: string): Promise<boolean> {
  const machine = await provider.getMachine(machineId);
  if (machine === null) return true;
  if (machine.state === "running" || machine.state === "unknown") {
    // A process that is told first can still upload and say goodbye; one that does not listen is killed all the same.
    await provider.stopMachine(machineId, { timeoutSeconds: STOP_TIMEOUT_SECONDS });
    await provider.waitUntilStopped(machineId, STOP_TIMEOUT_SECONDS);
  }
  if (machine.state !== "leaving") await provider.destroyMachine(machineId);
  for (let look = 0; look < CONFIRMATIONS; look++) {
    if ((await provider.getMachine(machineId)) === null) return true;
    await pause(CONFIRMATION_PAUSE_MS);
  }
  return false;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
