/** Holds the faults that were ordered and hands them to the requests they meet. */
import { type RandomSource } from "../model/random.js";
import { type FlyAction, type FaultMatch, type FaultRule } from "./kinds.js";

/** What is known of a request before it does anything. */
export interface FaultQuery {
  readonly action: FlyAction;
  readonly app: string;
  readonly machineId?: string;
  readonly machineName?: string;
  readonly volumeId?: string;
  /** Since the machine was created; absent for a machine that does not exist. */
  readonly machineAgeMs?: number;
}

export interface FaultHandle {
  /** How many requests it met. */
  readonly hits: number;
  remove(): void;
}

class ArmedFault implements FaultHandle {
  hits = 0;

  constructor(
    readonly rule: FaultRule,
    private readonly rules: Set<ArmedFault>,
  ) {}

  remove(): void {
    this.rules.delete(this);
  }
}

/** Faults that change how a machine or volume looks; in a list they meet the one that they name. */
const VIEW_KINDS: ReadonlySet<FaultRule["kind"]> = new Set(["stale", "unknown_state", "host_unreachable"]);
/** Faults after which no further one can matter, because nothing is done. */
const INTERRUPTING_KINDS: ReadonlySet<FaultRule["kind"]> = new Set([
  "rate_limited",
  "unauthorized",
  "fail_before_commit",
  "not_found",
  "not_found_when_fresh",
  "capacity",
  "respond",
]);

export class FaultRegistry {
  private readonly armed = new Set<ArmedFault>();

  constructor(private readonly random: RandomSource) {}

  add(rule: FaultRule): FaultHandle {
    const fault = new ArmedFault(rule, this.armed);
    this.armed.add(fault);
    return fault;
  }

  clear(): void {
    this.armed.clear();
  }

  /** The faults this request meets, in the order they were added, up to the first that keeps it from acting at all. */
  take(query: FaultQuery): FaultRule[] {
    const met: FaultRule[] = [];
    for (const fault of [...this.armed]) {
      const { rule } = fault;
      if (!meets(rule, query) || this.random.next() >= (rule.probability ?? 1)) continue;
      fault.hits += 1;
      if (fault.hits >= (rule.times ?? 1)) this.armed.delete(fault);
      met.push(rule);
      if (INTERRUPTING_KINDS.has(rule.kind)) break;
    }
    return met;
  }
}

function meets(rule: FaultRule, query: FaultQuery): boolean {
  const match: FaultMatch = rule.match ?? {};
  if (rule.kind === "not_found_when_fresh" && (query.machineAgeMs ?? Infinity) > rule.withinMs) return false;
  const isView = VIEW_KINDS.has(rule.kind);
  const machinesListed = isView && query.action === "machine_list";
  const volumesListed = isView && query.action === "volume_list";
  return (
    (match.action === undefined || [match.action].flat().includes(query.action)) &&
    (match.app === undefined || match.app === query.app) &&
    (match.machineId === undefined || machinesListed || match.machineId === query.machineId) &&
    (match.machineName === undefined || match.machineName === query.machineName) &&
    (match.volumeId === undefined || volumesListed || match.volumeId === query.volumeId)
  );
}
