/** Everything that can go wrong on request, as data: a fault says whom it meets, how often, and what happens then. */
import { type CapacityErrorName } from "../model/errors.js";

/** One name per call of the API; also what rate limits are counted by. */
export type FlyAction =
  | "machine_create"
  | "machine_list"
  | "machine_get"
  | "machine_update"
  | "machine_destroy"
  | "machine_start"
  | "machine_stop"
  | "machine_suspend"
  | "machine_restart"
  | "machine_signal"
  | "machine_cordon"
  | "machine_uncordon"
  | "machine_wait"
  | "machine_exec"
  | "machine_events"
  | "lease_get"
  | "lease_acquire"
  | "lease_release"
  | "metadata_get"
  | "metadata_get_key"
  | "metadata_set"
  | "metadata_update"
  | "metadata_delete"
  | "volume_create"
  | "volume_list"
  | "volume_get"
  | "volume_update"
  | "volume_extend"
  | "volume_delete";

/** Every given property must agree. */
export interface FaultMatch {
  readonly action?: FlyAction | readonly FlyAction[];
  readonly app?: string;
  readonly machineId?: string;
  /** The requested name, for create; a volume's as well. */
  readonly machineName?: string;
  readonly volumeId?: string;
}

/** `drop` closes the connection without an answer. */
export type BrokenAnswer = 408 | 500 | 502 | 503 | 504 | "drop";

export type FaultKind =
  /** 429; with `Retry-After` when seconds are given. */
  | { readonly kind: "rate_limited"; readonly retryAfterSeconds?: number }
  /** The token is refused: 401 (revoked) or 403 (over quota). */
  | { readonly kind: "unauthorized"; readonly httpStatus?: 401 | 403 }
  /** Nothing happens, and the answer says so badly. */
  | { readonly kind: "fail_before_commit"; readonly answer: BrokenAnswer }
  /** Everything happens, and the answer is lost. */
  | { readonly kind: "fail_after_commit"; readonly answer: BrokenAnswer }
  /** Waits until the client has given up (at most `holdMs`, default 60 s), then `delayMs` more, and only then acts. */
  | { readonly kind: "commit_late"; readonly delayMs: number; readonly holdMs?: number }
  /** Acts after a pause, and answers normally. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** 404, whatever exists. */
  | { readonly kind: "not_found" }
  /** 404 for machines younger than this, as seen right after a create. */
  | { readonly kind: "not_found_when_fresh"; readonly withinMs: number }
  /** One of the ways Fly says that there is no room. */
  | { readonly kind: "capacity"; readonly error: CapacityErrorName }
  /** Any other answer, without anything happening. */
  | { readonly kind: "respond"; readonly httpStatus: number; readonly error: string; readonly status?: string }
  /** A list or get as it was this long ago. */
  | { readonly kind: "stale"; readonly ageMs: number }
  /** Get and list show this state instead of the true one, of machines and of volumes. */
  | { readonly kind: "unknown_state"; readonly state: string }
  /** Get and list show `unreachable` with `incomplete_config`; everything else about the machine answers 408. */
  | { readonly kind: "host_unreachable" }
  /** On a create: stays `created` for ever. On a stop: stays `stopping` for ever, with the process alive. */
  | { readonly kind: "stuck" }
  /** On a create: becomes `launch_failed`, then destroyed. */
  | { readonly kind: "launch_failed" }
  /** On a suspend: the next start is a cold boot. */
  | { readonly kind: "cold_resume" };

export type FaultRule = FaultKind & {
  readonly match?: FaultMatch;
  /** Requests it meets before it is spent. Default 1; `Infinity` until removed. */
  readonly times?: number;
  /** Chance per matching request, from the emulator's seed. Default 1. */
  readonly probability?: number;
};
