/** What every request passes on its way to its endpoint: the token, the rate limit, the faults, the lease; and the record. */
import { type FaultRegistry } from "../faults/registry.js";
import { type FaultRule, type FlyAction } from "../faults/kinds.js";
import {
  ApiError,
  CAPACITY_ERRORS,
  hostUnreachable,
  invalidArgument,
  notFound,
  rateLimited,
  unauthenticated,
} from "../model/errors.js";
import { ulid } from "../model/identifiers.js";
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from "../model/json.js";
import { type World } from "../model/world.js";
import { type Recorder } from "../recorder.js";
import { requireLease } from "./leases.js";
import { type RateLimiter } from "./rate-limits.js";
import { matchTemplate, type ApiRequest, type ApiResponse, type Route } from "./route.js";

export interface RawRequest {
  readonly method: string;
  /** Path and query, as on the first line of the request. */
  readonly url: string;
  /** With lower-cased names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Aborted when the client goes away or the emulator closes. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue | undefined;
}

export interface PipelineOptions {
  readonly routes: readonly Route[];
  readonly world: World;
  readonly token: string;
  /** `undefined` when every name is an app. */
  readonly apps: readonly string[] | undefined;
  readonly limiter: RateLimiter;
  readonly faults: FaultRegistry;
  readonly recorder: Recorder;
}

interface RoutedRequest extends ApiRequest {
  readonly route: Route;
}

const BASE = "http://loopback";
const PREFIX = "/v1";
const NONCE_HEADER = "fly-machine-lease-nonce";
/** How long `commit_late` waits for a client that never gives up. */
const DEFAULT_HOLD_MS = 60_000;
/** Requests that only look; an unreachable host shows in their answers instead of failing them. */
const LOOKING: ReadonlySet<FlyAction> = new Set(["machine_get", "machine_list"]);

export class ApiPipeline {
  constructor(private readonly options: PipelineOptions) {}

  /** Never rejects; `undefined` means that the connection is to be dropped without an answer. */
  async handle(raw: RawRequest): Promise<Answer | undefined> {
    const url = URL.canParse(raw.url, BASE) ? new URL(raw.url, BASE) : new URL(BASE);
    const below = url.pathname.startsWith(`${PREFIX}/`);
    const path = below ? url.pathname.slice(PREFIX.length) : url.pathname;
    const found = below ? this.find(raw.method, path) : undefined;
    const requestId = `${ulid()}-emulator`;
    const response = await this.respond(raw, url, found).catch(failure);
    const answer: Answer | undefined =
      response === "drop"
        ? undefined
        : {
            httpStatus: response.httpStatus,
            headers: { ...response.headers, "fly-request-id": requestId },
            body: response.body,
          };
    const { authorization: _token, ...requestHeaders } = raw.headers;
    this.options.recorder.add({
      requestId,
      at: this.options.world.now(),
      method: raw.method,
      path,
      template: found?.route.template,
      action: found?.route.action,
      query: [...url.searchParams],
      requestHeaders,
      requestBody: readableBody(raw.body),
      httpStatus: answer?.httpStatus,
      responseHeaders: answer?.headers ?? {},
      responseBody: answer?.body,
    });
    return answer;
  }

  private find(method: string, path: string): { route: Route; parameters: Record<string, string> } | undefined {
    for (const route of this.options.routes) {
      const parameters = route.method === method ? matchTemplate(route.template, path) : undefined;
      if (parameters !== undefined) return { route, parameters };
    }
    return undefined;
  }

  private async respond(
    raw: RawRequest,
    url: URL,
    found: { route: Route; parameters: Record<string, string> } | undefined,
  ): Promise<ApiResponse | "drop"> {
    if (raw.headers.authorization !== `Bearer ${this.options.token}`) throw unauthenticated();
    if (found === undefined) throw notFound("endpoint");
    const { route, parameters } = found;
    const app = parameters.app_name ?? "";
    if (this.options.apps?.includes(app) === false) throw notFound(`app "${app}"`);
    const body = readBody(raw.body);
    this.limit(route, app, parameters);
    const faults = this.options.faults.take({
      action: route.action,
      app,
      ...named("machineId", parameters.machine_id),
      ...named("volumeId", parameters.volume_id),
      ...named("machineName", typeof body.name === "string" ? body.name : undefined),
      ...named("machineAgeMs", this.ageOf(parameters.machine_id)),
    });
    const request = { app, parameters, query: url.searchParams, body, nonce: raw.headers[NONCE_HEADER], faults, route };
    return this.meet({ ...request, signal: raw.signal });
  }

  /** Lets the faults do to the request what they are for, in their order; what remains is answered. */
  private async meet(request: RoutedRequest): Promise<ApiResponse | "drop"> {
    let signal = request.signal;
    for (const fault of request.faults) {
      if (fault.kind === "fail_before_commit") return broken(fault.answer);
      const error = interruption(fault, request);
      if (error !== undefined) throw error;
      if (fault.kind === "slow") await pause(fault.delayMs, signal);
      if (fault.kind !== "commit_late") continue;
      await pause(fault.holdMs ?? DEFAULT_HOLD_MS, signal);
      // From here on nobody waits for the answer, and that must not keep the request from acting.
      signal = new AbortController().signal;
      await pause(fault.delayMs, signal);
    }
    const response = await this.answer({ ...request, signal });
    const afterwards = request.faults.find((fault) => fault.kind === "fail_after_commit");
    return afterwards === undefined ? response : broken(afterwards.answer);
  }

  private answer(request: RoutedRequest): ApiResponse | Promise<ApiResponse> {
    const machine = this.options.world.machines.get(request.parameters.machine_id ?? "");
    if (request.route.leased === true && machine?.app === request.app) {
      requireLease(this.options.world, machine, request.nonce);
    }
    return request.route.handle(request);
  }

  private limit(route: Route, app: string, parameters: Readonly<Record<string, string>>): void {
    const identifiers = { app, machine: parameters.machine_id ?? app, volume: parameters.volume_id ?? app };
    const seconds = this.options.limiter.take(route.action, identifiers[route.scope]);
    if (seconds !== undefined) throw rateLimited(this.options.limiter.retryAfterHeader ? seconds : undefined);
  }

  private ageOf(machineId: string | undefined): number | undefined {
    const machine = machineId === undefined ? undefined : this.options.world.machines.get(machineId);
    return machine === undefined ? undefined : this.options.world.now() - machine.createdAt;
  }
}

/** The error with which a fault ends a request before it has done anything. */
function interruption(fault: FaultRule, { route, parameters, app }: RoutedRequest): ApiError | undefined {
  switch (fault.kind) {
    case "rate_limited":
      return rateLimited(fault.retryAfterSeconds);
    case "unauthorized":
      return fault.httpStatus === 403
        ? new ApiError(403, "permission_denied: the organization is over its quota")
        : unauthenticated();
    case "not_found":
    case "not_found_when_fresh":
      return notFound(route.scope === "volume" ? "volume" : "machine");
    case "capacity":
      return CAPACITY_ERRORS[fault.error](parameters.volume_id ?? app);
    case "respond":
      return new ApiError(fault.httpStatus, fault.error, fault.status);
    case "host_unreachable":
      return LOOKING.has(route.action) ? undefined : hostUnreachable();
    default:
      return undefined;
  }
}

function broken(answer: number | "drop"): ApiResponse | "drop" {
  if (answer === "drop") return "drop";
  const error = answer === 408 ? "deadline_exceeded: request timed out" : "internal: something went wrong";
  return { httpStatus: answer, body: new ApiError(answer, error).body() };
}

function failure(error: unknown): ApiResponse {
  if (error instanceof ApiError) return { httpStatus: error.httpStatus, body: error.body(), headers: error.headers };
  const text = error instanceof Error ? error.message : String(error);
  return { httpStatus: 500, body: { error: `internal: the emulator failed: ${text}`, status: "unknown" } };
}

function readBody(text: string): JsonObject {
  if (text === "") return {};
  let body: JsonValue;
  try {
    body = parseJson(text);
  } catch {
    throw invalidArgument("the request body is not JSON");
  }
  if (!isJsonObject(body)) throw invalidArgument("the request body must be a JSON object");
  return body;
}

function readableBody(text: string): JsonValue | undefined {
  if (text === "") return undefined;
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

const named = <Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> => {
  const named: Partial<Record<Name, Value>> = {};
  if (value !== undefined) named[name] = value;
  return named;
};

/** Resolves after `delayMs`, or at once when the signal is or becomes aborted. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
  });
}
