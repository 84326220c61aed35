/**
 * A small Machines API in memory, behind `fetch`: enough of Fly's behavior for the pool, on the test's clock, with the faults
 * of the real one. Its machines run no process; whoever plays the workers asks for them.
 */
import { FLY_API_URL } from "../providers/fly/client.js";
import { VolumeShelf } from "./volumes/volumes-api.test-kit.js";

export type ApiMachine = {
  id: string;
  app: string;
  name: string;
  region: string;
  config: Record<string, unknown> & { metadata?: Record<string, string>; files?: { raw_value: string }[] };
  createdAt: number;
  startsAt: number;
  /** When what was asked for is done; `Infinity` while nothing was. */
  stopsAt: number;
  destroyedAt: number;
  /** When its memory has been put away; `Infinity` while nobody asked for it. */
  suspendsAt: number;
};

/** `machineId` is the volume's for calls about one. */
export type ApiCall = { action: Action; at: number; app: string; machineId: string | null; query: URLSearchParams };
export type Action =
  | "list"
  | "create"
  | "get"
  | "stop"
  | "suspend"
  | "start"
  | "wait"
  | "destroy"
  | "list_volumes"
  | "create_volume"
  | "get_volume"
  | "delete_volume"
  | "other";

/** What happens to one call instead of what should. */
export type ApiFault =
  | { kind: "refuse"; status: number; body?: Record<string, unknown>; headers?: Record<string, string> }
  | { kind: "lose_answer"; status: number | "drop"; body?: Record<string, unknown> }
  | { kind: "drop" }
  | { kind: "hang" }
  /** Takes its time, and then does what it should. */
  | { kind: "slow"; ms: number }
  /** Hangs, and does what was asked for this long after the call began. */
  | { kind: "commit_late"; afterMs: number }
  /** A list as it was this long ago. */
  | { kind: "stale"; ageMs: number }
  | { kind: "garbage" }
  | { kind: "view"; change: (machine: Record<string, unknown>) => Record<string, unknown> };

const BOOT_MS = 3_000;
const SUSPEND_MS = 500;
const RESUME_MS = 300;
const DESTROY_MS = 300;
const DESTROYED_VISIBLE_MS = 20_000;

export class MachinesApi {
  readonly calls: ApiCall[] = [];
  readonly machines = new Map<string, ApiMachine>();
  readonly shelf = new VolumeShelf(this.machines);
  token = "fly-token";
  /** Rows looked at per page of the machine list; filters come after, so a page may be short or empty. */
  pageSize = 1_000;
  /** Asked for each call; `null` lets it be. */
  faultFor: (call: ApiCall) => ApiFault | null = () => null;
  /** How long a process takes to end when it is asked to; `Infinity` for one that does not listen. */
  exitMs: (machine: ApiMachine) => number = () => 200;
  private counter = 0;

  /** Machines that exist and cost money. */
  live(): ApiMachine[] {
    return [...this.machines.values()].filter(({ destroyedAt }) => destroyedAt === Infinity);
  }

  count(...actions: Action[]): number {
    return this.calls.filter(({ action }) => actions.includes(action)).length;
  }

  add(change: Partial<ApiMachine> & { name: string }): ApiMachine {
    const now = Date.now();
    const machine: ApiMachine = {
      id: `m${++this.counter}`,
      app: "app",
      region: "fra",
      config: {},
      createdAt: now,
      startsAt: now + BOOT_MS,
      stopsAt: Infinity,
      destroyedAt: Infinity,
      suspendsAt: Infinity,
      ...change,
    };
    this.machines.set(machine.id, machine);
    return machine;
  }

  /** Its process ends, by itself or by a crash. */
  exit(machine: ApiMachine): void {
    machine.stopsAt = Math.min(machine.stopsAt, Date.now());
  }

  readonly fetch = async (input: URL | RequestInfo, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const [, , , app = "", kind = "", machineId = null, verb = null] = url.pathname.split("/");
    if (!url.href.startsWith(FLY_API_URL)) throw new Error(`Nothing listens at ${url.origin}.`);
    const action = actionOf(init.method ?? "GET", kind, machineId, verb);
    const call = { action, at: Date.now(), app, machineId, query: url.searchParams };
    this.calls.push(call);
    if (new Headers(init.headers).get("authorization") !== `Bearer ${this.token}`) {
      return answer(401, { error: `unauthorized: ${String(new Headers(init.headers).get("authorization"))}` });
    }
    const body = typeof init.body === "string" ? record(JSON.parse(init.body)) : {};
    const fault = this.faultFor(call);
    switch (fault?.kind) {
      case "refuse":
        return answer(fault.status, fault.body ?? { error: "refused" }, fault.headers);
      case "drop":
        throw new TypeError("fetch failed");
      case "slow":
        await new Promise((resolve) => setTimeout(resolve, fault.ms));
        return this.serve(call, body, null);
      case "hang":
        return await abortedBy(init.signal);
      case "commit_late":
        setTimeout(() => this.serve(call, body, null), fault.afterMs);
        return await abortedBy(init.signal);
      case "lose_answer":
        this.serve(call, body, null);
        if (fault.status === "drop") throw new TypeError("fetch failed");
        return answer(fault.status, fault.body ?? { error: "internal error", status: "unknown" });
      case "garbage":
        return new Response("<html>Bad gateway</html>", { status: 200 });
      default:
        return this.serve(call, body, fault ?? null);
    }
  };

  private serve(call: ApiCall, body: Record<string, unknown>, fault: ApiFault | null): Response {
    if (call.action.includes("volume")) return this.serveVolume(call, body, fault);
    if (call.action === "list") return this.list(call, fault);
    if (call.action === "create") return this.create(call.app, body);
    const machine = call.machineId === null ? undefined : this.machines.get(call.machineId);
    if (machine === undefined || machine.app !== call.app || this.isForgotten(machine)) {
      return answer(404, { error: "machine not found" });
    }
    const state = stateOf(machine);
    const isDestroyed = machine.destroyedAt !== Infinity;
    switch (call.action) {
      case "get":
        return answer(200, view(machine, fault));
      case "stop":
        if (state !== "started") return answer(412, { error: `machine is ${state}` });
        machine.stopsAt = Date.now() + this.exitMs(machine);
        return answer(200, { ok: true });
      case "suspend":
        if (state !== "started") return answer(412, { error: `machine is ${state}` });
        machine.suspendsAt = Date.now() + SUSPEND_MS;
        return answer(200, { ok: true });
      case "start":
        if (state === "started") return answer(200, { previous_state: state });
        if (state !== "suspended" && state !== "stopped") return answer(412, { error: `machine is ${state}` });
        machine.startsAt = Date.now() + (state === "suspended" ? RESUME_MS : BOOT_MS);
        machine.stopsAt = machine.suspendsAt = Infinity;
        return answer(200, { previous_state: state });
      case "wait":
        return state === "stopped" || isDestroyed
          ? answer(200, { ok: true })
          : answer(408, { error: "deadline_exceeded" });
      case "destroy":
        if (!isDestroyed) machine.destroyedAt = Date.now() + DESTROY_MS;
        return answer(200, { ok: true });
      default:
        return answer(404, { error: "no such endpoint" });
    }
  }

  private serveVolume(call: ApiCall, body: Record<string, unknown>, fault: ApiFault | null): Response {
    const { app, action, machineId: volumeId } = call;
    const at = Date.now() - (fault?.kind === "stale" ? fault.ageMs : 0);
    const show = (view: Record<string, unknown>) => (fault?.kind === "view" ? fault.change(view) : view);
    if (action === "list_volumes") return answer(200, this.shelf.list(app, at).map(show));
    if (action === "create_volume") return answerOf(this.shelf.create(app, body));
    if (action === "delete_volume") return answerOf(this.shelf.delete(app, volumeId ?? ""));
    const { status, body: found } = this.shelf.get(app, volumeId ?? "", at);
    return answer(status, status === 200 ? show(record(found)) : found);
  }

  private create(app: string, body: Record<string, unknown>): Response {
    const name = String(body["name"]);
    const holder = this.live().find((machine) => machine.app === app && machine.name === name);
    if (holder !== undefined) {
      const error = `already_exists: unique machine name violation, machine ID ${holder.id} already exists with name "${name}"`;
      return answer(409, { error, status: "name_taken" });
    }
    const [region, config] = [String(body["region"]), record(body["config"])];
    const refusal = this.shelf.refusal(app, region, config);
    if (refusal !== null) return answerOf(refusal);
    const machine = this.add({ app, name, region, config });
    return answer(200, view(machine, null));
  }

  private list({ app, query }: ApiCall, fault: ApiFault | null): Response {
    const at = Date.now() - (fault?.kind === "stale" ? fault.ageMs : 0);
    const filters = [...query].filter(([key]) => key.startsWith("metadata."));
    const all = [...this.machines.values()].filter((machine) => machine.app === app && !this.isForgotten(machine));
    const from = Number(query.get("cursor") ?? 0);
    const page = all.slice(from, from + this.pageSize);
    const shown = page
      .filter(({ createdAt, destroyedAt }) => createdAt <= at && at < destroyedAt)
      .filter(({ config }) =>
        filters.every(([key, value]) => config.metadata?.[key.slice("metadata.".length)] === value),
      )
      .map((machine) => view(machine, fault, at));
    const isLast = from + this.pageSize >= all.length;
    return answer(200, shown, isLast ? {} : { "fly-next-cursor": String(from + this.pageSize) });
  }

  private isForgotten({ destroyedAt }: ApiMachine): boolean {
    return Date.now() >= destroyedAt + DESTROYED_VISIBLE_MS;
  }
}

/** What the API would call it at that time. */
export function stateOf({ startsAt, stopsAt, suspendsAt, destroyedAt }: ApiMachine, at = Date.now()): string {
  if (at >= destroyedAt) return "destroyed";
  if (destroyedAt !== Infinity && at >= destroyedAt - DESTROY_MS) return "destroying";
  if (at >= stopsAt) return "stopped";
  if (suspendsAt !== Infinity) return at >= suspendsAt ? "suspended" : "suspending";
  if (at < startsAt) return "created";
  return stopsAt === Infinity ? "started" : "stopping";
}

function view(machine: ApiMachine, fault: ApiFault | null, at = Date.now()) {
  const { id, name, region, config, createdAt } = machine;
  const shown = {
    id,
    name,
    region,
    state: stateOf(machine, at),
    config,
    created_at: new Date(createdAt).toISOString(),
  };
  return fault?.kind === "view" ? fault.change(shown) : shown;
}

function actionOf(method: string, kind: string, machineId: string | null, verb: string | null): Action {
  if (kind === "volumes") {
    if (machineId === null) return method === "POST" ? "create_volume" : "list_volumes";
    return method === "DELETE" ? "delete_volume" : "get_volume";
  }
  if (kind !== "machines") return "other";
  if (machineId === null) return method === "POST" ? "create" : "list";
  if (verb === "stop" || verb === "wait" || verb === "suspend" || verb === "start") return verb;
  if (verb !== null) return "other";
  return method === "DELETE" ? "destroy" : "get";
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  const all = { "content-type": "application/json", "fly-request-id": `req-${status}`, ...headers };
  return new Response(JSON.stringify(body), { status, headers: all });
}

function answerOf({ status, body }: { status: number; body: unknown }): Response {
  return answer(status, body);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

async function abortedBy(signal: AbortSignal | null | undefined): Promise<Response> {
  return await new Promise((_, reject) => {
    signal?.addEventListener("abort", () => {
      reject(new DOMException("The operation was aborted.", "AbortError"));
    });
  });
}
