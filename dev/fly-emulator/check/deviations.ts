/**
 * Where Fly's own description is known to differ from Fly's own behavior, each with its reason. Everything here was
 * seen in Fly's documentation, in its own clients or in its answers; a mismatch that is not here fails the check.
 */
import { type Mismatch } from "./validate.js";

export interface Deviation {
  /** Absent: any operation. */
  readonly operation?: RegExp;
  readonly part: Mismatch["part"];
  readonly where: RegExp;
  readonly message?: RegExp;
  readonly reason: string;
}

export const KNOWN_DEVIATIONS: readonly Deviation[] = [
  {
    part: "status",
    where: /^(401|403|404|408|409|412|422|429|500|502|503|504)$/,
    reason:
      "the description lists few error answers; the documentation and Fly's clients know these for every operation",
  },
  {
    part: "response body",
    where: /^\/status$/,
    message: /allowed values/,
    reason: "later descriptions name the statuses volume_placement_capacity and name_taken, too",
  },
  {
    operation: /^GET \/apps\/\{app_name\}\/machines$/,
    part: "query",
    where: /^(metadata\..+|cursor|limit)$/,
    reason: "filters by metadata are documented in words; cursor and limit came with paging, before the description",
  },
  {
    operation: /machines(\/\{machine_id\})?$/,
    part: "response body",
    where: /^\/cordoned$/,
    reason: "machines show whether they are cordoned, which the description leaves out",
  },
  {
    operation: /machines\/\{machine_id\}\/lease$/,
    part: "response body",
    where: /^\/(status|data)$/,
    reason: "lease answers have been seen flat, as described, and under `data` with a `status`, as documented",
  },
  {
    operation: /volumes/,
    part: "response body",
    where: /^(\/volume)?\/(attached_machine_id|attached_alloc_id)$/,
    message: /string/,
    reason: "a volume that is not attached shows null in the documentation's own examples",
  },
  {
    operation: /volumes/,
    part: "response body",
    where: /^(\/volume)?\/host_dedication_key$/,
    reason: "in the documentation's examples, and not in the description",
  },
];

/** The first known deviation that covers a mismatch. */
export function deviationFor(found: Mismatch): Deviation | undefined {
  return KNOWN_DEVIATIONS.find(
    (known) =>
      known.part === found.part &&
      (known.operation?.test(found.operation) ?? true) &&
      known.where.test(found.where) &&
      (known.message?.test(found.message) ?? true),
  );
}
