/** What an endpoint is: its place in the API, and the function that answers it. */
import { type FaultRule, type FlyAction } from "../faults/kinds.js";
import { type Booter } from "../machines/boot.js";
import { type MachineLifecycle } from "../machines/lifecycle.js";
import { type RootDirectories } from "../machines/root-directory.js";
import { type MachineSteps } from "../machines/steps.js";
import { type JsonObject, type JsonValue } from "../model/json.js";
import { type RandomSource } from "../model/random.js";
import { type World } from "../model/world.js";
import { type FlyEmulatorOptions, type Paging } from "../options.js";

export interface ApiRequest {
  readonly app: string;
  /** From the path: `machine_id`, `volume_id`, `key`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Empty when the request had no body. */
  readonly body: JsonObject;
  /** The lease nonce the caller showed. */
  readonly nonce: string | undefined;
  readonly faults: readonly FaultRule[];
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly httpStatus: number;
  readonly body?: JsonValue;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** As Fly's own description writes it. */
  readonly template: string;
  readonly action: FlyAction;
  /** What the rate limit counts by. */
  readonly scope: "app" | "machine" | "volume";
  /** Refused to others while a lease is held. */
  readonly leased?: boolean;
  readonly handle: (request: ApiRequest) => ApiResponse | Promise<ApiResponse>;
}

/** What the endpoints work on. */
export interface Services {
  readonly world: World;
  readonly lifecycle: MachineLifecycle;
  readonly steps: MachineSteps;
  readonly booter: Booter;
  readonly directories: RootDirectories;
  readonly images: FlyEmulatorOptions["images"];
  readonly defaultRegion: string;
  readonly paging: Paging;
  readonly leaseBody: "data" | "flat";
  readonly random: RandomSource;
}

export const MACHINES = "/apps/{app_name}/machines";
export const MACHINE = `${MACHINES}/{machine_id}`;
export const VOLUMES = "/apps/{app_name}/volumes";
export const VOLUME = `${VOLUMES}/{volume_id}`;

export const ok = (body: JsonValue = { ok: true }): ApiResponse => ({ httpStatus: 200, body });
export const noContent: ApiResponse = { httpStatus: 204 };

/** The parameters of a path that fits a template, or `undefined`. */
export function matchTemplate(template: string, path: string): Record<string, string> | undefined {
  const wanted = template.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = decode(given[index] ?? "");
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    if (value === undefined || value === "" || (name === undefined && part !== value)) {
      if (part === "" && value === "") continue;
      return undefined;
    }
    if (name !== undefined) parameters[name] = value;
  }
  return parameters;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
