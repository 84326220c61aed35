/** The two steps at the provider that can go wrong halfway: creating a machine under its one name, and seeing one gone. */
import { ProviderError } from "../providers/provider.js";
import type { MachineSpec, MachineState, ObservedMachine, Provider } from "../providers/provider.js";
import { hasMetadata, STOP_TIMEOUT_SECONDS } from "./machines.js";

/** Fly allows one create a second and app, three in a burst. */
export const BUSY_PAUSE_MS = 1_200;
/** A provider may ask for more patience than a run has; what is not done by then is planned again. */
export const MAX_PAUSE_MS = 10_000;
/** Tries per region, whatever the answers. Five seconds of "too busy", or an outage that is more than a hiccup. */
export const CREATE_TRIES = 5;
/** A create that was cut off is asked for again under its name; twice more is enough to tell a hiccup from an outage. */
export const OPEN_TRIES = 3;
/** How long a process that is told to go may take before its machine is destroyed under it; most have ended by then. */
const GOODBYE_SECONDS = 5;
/** How often a destroyed machine is looked at before a later reconcile goes on looking. */
const CONFIRMATIONS = 5;
const CONFIRMATION_PAUSE_MS = 400;

type Created =
  | { kind: "created"; machine: ObservedMachine }
  /** It may exist: the row stays, counts, and a later reconcile finds out. */
  | { kind: "unknown"; error: ProviderError }
  /** It certainly does not exist. */
  | { kind: "failed"; error: ProviderError };

/** `fullRegions` had no room. */
export type CreateOutcome = Created & { fullRegions: string[] };

/**
 * Creates the machine in the first region that has room, until `deadline` (ms) at the latest.
 *
 * Its name is unique, so however often it is asked for, at most one machine results. An answer that leaves it open whether
 * there is one is followed by a look, and then by the same request: the name decides.
 */
export async function createMachine(
  provider: Provider,
  regions: string[],
  specFor: (region: string) => MachineSpec,
  deadline: number,
): Promise<CreateOutcome> {
  let isOpen = false;
  let lastError: ProviderError | null = null;
  const fullRegions: string[] = [];
  for (const region of regions) {
    const outcome = await createIn(provider, specFor(region), deadline);
    if (outcome.kind === "created") return { ...outcome, fullRegions };
    isOpen ||= outcome.kind === "unknown";
    lastError = outcome.error;
    if (lastError.kind === "no_capacity") fullRegions.push(region);
    if (lastError.kind !== "no_capacity" || Date.now() >= deadline) break;
  }
  if (lastError === null) throw new Error("A pool without regions cannot create machines.");
  return { kind: isOpen ? "unknown" : "failed", error: lastError, fullRegions };
}

async function createIn(provider: Provider, spec: MachineSpec, deadline: number): Promise<Created> {
  let openTries = 0;
  let lastError: ProviderError | null = null;
  for (let attempt = 0; attempt < CREATE_TRIES && (lastError === null || Date.now() < deadline); attempt++) {
    try {
      return { kind: "created", machine: await provider.createMachine(spec) };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      lastError = error;
    }
    if (lastError.kind === "name_taken" || lastError.kind === "ambiguous") {
      openTries += 1;
      const machine = await findCreated(provider, spec, lastError.details.machineId ?? null);
      if (machine !== null) return { kind: "created", machine };
      if (openTries >= OPEN_TRIES) break;
    } else if (lastError.kind !== "busy" && !isUnfamiliar(lastError, spec)) {
      break;
    }
    await pause(Math.min(lastError.details.retryAfterMs ?? BUSY_PAUSE_MS, MAX_PAUSE_MS));
  }
  if (lastError === null) throw new Error("A create must be tried at least once.");
  return { kind: openTries > 0 ? "unknown" : "failed", error: lastError };
}

/** A volume that was made a moment ago may not be known everywhere yet. */
function isUnfamiliar({ kind }: ProviderError, { volume }: MachineSpec): boolean {
  return kind === "not_found" && volume !== undefined;
}

/**
 * The machine an earlier create has made, by the id the provider names or else by list. `null` says nothing: absence from a
 * list proves nothing, and a provider that cannot be asked even less.
 */
async function findCreated(
  provider: Provider,
  { name, metadata }: MachineSpec,
  machineId: string | null,
): Promise<ObservedMachine | null> {
  const isIt = (machine: ObservedMachine | null) =>
    machine?.name === name && machine.state !== "gone" && hasMetadata(machine.metadata, metadata);
  try {
    const named = machineId === null ? null : await provider.getMachine(machineId);
    if (isIt(named)) return named;
    return (await provider.listMachines(metadata)).find(isIt) ?? null;
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}

type Knowledge = {
  /** The machine's state as just listed; `null` when it was not. */
  state: MachineState | null;
  /** The machine was asked for a moment ago, so that the provider may not know it everywhere yet. */
  isYoung: boolean;
  /** ms; whether it is gone is looked at no more after this time, but once. */
  deadline: number;
};

/**
 * Destroys and confirms, after a chance for the process to end by itself. Every step may be repeated at any point.
 *
 * @returns true once the provider says that the machine is gone; false when that is still to be seen
 */
export async function destroyMachine(
  provider: Provider,
  machineId: string,
  { state: listedState, isYoung, deadline }: Knowledge,
): Promise<boolean> {
  const state = listedState ?? (await provider.getMachine(machineId))?.state ?? null;
  if (state === null && !isYoung) return true;
  if (state === "running") await sayGoodbye(provider, machineId);
  // Asking for the end of what is not there costs nothing; a young machine may be there although it was not found.
  let complaint = state === "leaving" || state === "gone" ? null : await askForTheEnd(provider, machineId);
  if (state !== null) {
    for (let look = 0; look < CONFIRMATIONS && (look === 0 || Date.now() < deadline); look++) {
      // A destroy takes a moment; asking at once would only be asking twice.
      await pause(CONFIRMATION_PAUSE_MS);
      try {
        if ((await provider.getMachine(machineId)) === null) return true;
      } catch (error) {
        complaint = passing(error);
      }
    }
  }
  if (complaint !== null) throw complaint;
  return false;
}

/** What the provider answered, if it leaves open whether the machine goes: a look decides, then. */
async function askForTheEnd(provider: Provider, machineId: string): Promise<ProviderError | null> {
  try {
    await provider.destroyMachine(machineId);
    return null;
  } catch (error) {
    return passing(error);
  }
}

/** @throws what will not be different in a moment */
function passing(error: unknown): ProviderError {
  if (error instanceof ProviderError && (error.kind === "ambiguous" || error.kind === "busy")) return error;
  throw error;
}

/** Only a courtesy: whatever it answers, the machine is destroyed next. */
async function sayGoodbye(provider: Provider, machineId: string): Promise<void> {
  try {
    await provider.stopMachine(machineId, { timeoutSeconds: STOP_TIMEOUT_SECONDS });
    await provider.waitUntilStopped(machineId, GOODBYE_SECONDS);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
