/** Remembers what was asked and answered, without the token, so that it can be held against Fly's own description. */
import { type FlyAction } from "./faults/kinds.js";
import { type JsonValue } from "./model/json.js";

export interface RecordedRequest {
  readonly requestId: string;
  readonly at: number;
  readonly method: string;
  /** The path as asked, below `/v1`. */
  readonly path: string;
  /** As in `/apps/{app_name}/machines`; `undefined` when there is no such endpoint. */
  readonly template: string | undefined;
  readonly action: FlyAction | undefined;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Lower-cased names, without `authorization`. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody: JsonValue | undefined;
  /** `undefined` when the connection was dropped instead of answered. */
  readonly httpStatus: number | undefined;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: JsonValue | undefined;
}

export class Recorder {
  private requests: RecordedRequest[] = [];

  constructor(private readonly limit: number) {}

  add(request: RecordedRequest): void {
    this.requests.push(request);
    if (this.requests.length > this.limit) this.requests.shift();
  }

  /** Oldest first, at most the configured number. */
  all(): readonly RecordedRequest[] {
    return [...this.requests];
  }

  /** The requests of one action, oldest first. */
  of(action: FlyAction): readonly RecordedRequest[] {
    return this.requests.filter((request) => request.action === action);
  }

  clear(): void {
    this.requests = [];
  }
}
