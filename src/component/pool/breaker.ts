/**
 * When a provider that fails is left alone: a circuit breaker, as data and one function. Pure.
 *
 * Closed, it is asked as always. Open, it is not asked at all until a time; then one run asks, half open, and what it hears decides.
 */
import { v, type Infer } from "convex/values";
import { backoffMs, DEFAULT_BACKOFF, unitFromText, type BackoffPolicy } from "../../shared/backoff.js";
import { vBreakerState } from "../../shared/views.js";

export const vBreaker = v.object({
  state: vBreakerState,
  /** Runs in a row that the provider has failed. */
  failures: v.number(),
  /** Since when it is in this state, ms. */
  since: v.number(),
  /** Open: when it is asked again. Half open: when the run that asks is taken for dead. */
  until: v.number(),
});
export type Breaker = Infer<typeof vBreaker>;

export const CLOSED: Breaker = { state: "closed", failures: 0, since: 0, until: 0 };

/** `answered`: the provider did, whatever it said. `failed`: once more. `tripped`: once too often. `changed`: by an operator. */
type BreakerEvent = "answered" | "failed" | "tripped" | "probe_began" | "changed";

export const BREAKER_TRANSITIONS: Record<Breaker["state"], Partial<Record<BreakerEvent, Breaker["state"]>>> = {
  closed: { answered: "closed", failed: "closed", tripped: "open", changed: "closed" },
  open: { answered: "closed", failed: "open", tripped: "open", probe_began: "half_open", changed: "closed" },
  // A probe that begins in this state follows one that died.
  half_open: { answered: "closed", failed: "open", tripped: "open", probe_began: "half_open", changed: "closed" },
};

/** A hiccup is over by then, and an outage has cost three calls. */
const FAILURES_TO_TRIP = 3;
/** A token that is refused stays so until somebody stores another one, which closes the breaker; a quota may come back by itself. */
const REFUSED_BACKOFF: BackoffPolicy = { baseMs: 30_000, factor: 2, capMs: 15 * 60_000, jitter: 0.1 };

/** How the provider failed: it refuses the token, or it does not answer, cannot, or has no time. `null` for everything else. */
export type Fault = "refused" | "unavailable";

export function faultOf(problemKind: string): Fault | null {
  if (problemKind === "provider_unauthorized") return "refused";
  return problemKind === "provider_unreachable" ? "unavailable" : null;
}

/** After a run that the provider has failed. Refused once is enough: the same token is refused again. */
export function afterFault(breaker: Breaker, fault: Fault, now: number): Breaker {
  const failures = breaker.failures + 1;
  const event = fault === "refused" || failures >= FAILURES_TO_TRIP ? "tripped" : "failed";
  const next = { ...move(breaker, event, now), failures };
  if (next.state !== "open") return next;
  const unit = unitFromText(`${failures}/${now}`);
  // While it was closed, the runs that failed were further apart each time already.
  const pauseMs =
    fault === "refused" ? backoffMs(REFUSED_BACKOFF, failures, unit) : backoffMs(DEFAULT_BACKOFF, failures + 1, unit);
  return { ...next, until: now + pauseMs };
}

/** After a run that the provider has answered, or when an operator has changed something about it. */
export function closed(breaker: Breaker, event: "answered" | "changed", now: number): Breaker {
  const next = { ...move(breaker, event, now), failures: 0, until: 0 };
  // What began before the change was about something else, also if nothing had gone wrong yet.
  return event === "changed" ? { ...next, since: now } : next;
}

/** When one run begins to ask for all, which it has until `until` for. */
export function probing(breaker: Breaker, now: number, until: number): Breaker {
  return { ...move(breaker, "probe_began", now), until };
}

/** Whether a run may ask the provider: as always; as the one that asks for all, and must say so first; or not at all. */
export function mayAsk({ state, until }: Breaker, now: number): "yes" | "as_probe" | "no" {
  if (state === "closed") return "yes";
  return now >= until ? "as_probe" : "no";
}

/** Staying in a state is no event, except for a probe: the next one has its own time. */
function move(breaker: Breaker, event: BreakerEvent, now: number): Breaker {
  const state = BREAKER_TRANSITIONS[breaker.state][event] ?? breaker.state;
  return state === breaker.state ? breaker : { ...breaker, state, since: now };
}
