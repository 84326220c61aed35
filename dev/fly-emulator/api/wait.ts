/** The long poll: answers when a machine reaches a state, or says after the time-out that it did not. */
import { ApiError, invalidArgument, notFound, waitExpired } from "../model/errors.js";
import { type JsonObject } from "../model/json.js";
import { type MachineRecord } from "../model/machine.js";
import { type World } from "../model/world.js";
import { MACHINE, ok, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";

const MIN_SECONDS = 1;
const MAX_SECONDS = 60;
/** `settled` is any state that stays until somebody acts. */
const WAITABLE = ["started", "stopped", "suspended", "destroyed", "failed", "settled"];
const SETTLED = ["started", "stopped", "suspended", "destroyed", "failed"];

export function waitRoute({ world }: Services): Route {
  return {
    method: "GET",
    template: `${MACHINE}/wait`,
    action: "machine_wait",
    scope: "machine",
    handle: (request) => wait(world, request),
  };
}

async function wait(world: World, { app, parameters, query, signal }: ApiRequest): Promise<ApiResponse> {
  const machine = world.machineOf(app, parameters.machine_id ?? "");
  const seconds = Number(query.get("timeout") ?? MAX_SECONDS);
  if (!Number.isInteger(seconds) || seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
    throw invalidArgument(`timeout must be between ${MIN_SECONDS} and ${MAX_SECONDS} seconds`);
  }
  const states = query
    .getAll("state")
    .flatMap((value) => value.split(","))
    .filter((state) => state !== "");
  const unknown = states.find((state) => !WAITABLE.includes(state));
  if (unknown !== undefined) throw invalidArgument(`cannot wait for state "${unknown}"`);
  const wanted = states.length === 0 ? ["started"] : states;
  const version = query.get("version") ?? query.get("instance_id");
  if (version !== null && version !== machine.instanceId && !machine.replacedInstanceIds.includes(version)) {
    throw notFound(`version ${version} of machine`);
  }
  // A version that was replaced stays so: no state of the machine will ever be its state again.
  const reached = (): boolean => (version === null || version === machine.instanceId) && reaches(machine, wanted);
  const reason = await settledBy(world, machine, reached, seconds * 1_000, signal);
  if (reason === "reached") return ok(waitView(machine));
  if (reason === "gone") throw new ApiError(503, "unavailable: the client went away or the emulator closes");
  const current = version === null || version === machine.instanceId ? machine.state : "replaced";
  throw waitExpired(wanted.join(","), current);
}

const reaches = (machine: MachineRecord, wanted: readonly string[]): boolean =>
  wanted.includes(machine.state) || (wanted.includes("settled") && SETTLED.includes(machine.state));

function settledBy(
  world: World,
  machine: MachineRecord,
  reached: () => boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<"reached" | "expired" | "gone"> {
  if (reached()) return Promise.resolve("reached");
  return new Promise((resolve) => {
    const finish = (reason: "reached" | "expired" | "gone"): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", gone);
      resolve(reason);
    };
    const gone = (): void => finish("gone");
    const timer = setTimeout(() => finish("expired"), timeoutMs);
    const unsubscribe = world.onChange((change) => {
      if (change.kind === "machine" && change.machine === machine && reached()) finish("reached");
    });
    signal.addEventListener("abort", gone);
    if (signal.aborted) gone();
  });
}

function waitView(machine: MachineRecord): JsonObject {
  const event = machine.events[0]?.id;
  return {
    ok: true,
    state: machine.state,
    version: machine.instanceId,
    ...(typeof event === "string" ? { event_id: event } : {}),
  };
}
