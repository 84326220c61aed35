/**
 * What Fly charges, in USD, without allowances and discounts.
 *
 * Source: https://fly.io/docs/about/pricing/ and https://fly.io/docs/about/billing/ as of autumn 2026 (the pages
 * `about/pricing.mdx`, `about/billing.mdx` and `snippets/RegionPricingSelector.jsx` of github.com/superfly/docs). Fly
 * publishes machine prices per 30 days, rounded to the cent; the rates per second here give those very cents.
 */

const SECONDS_PER_30_DAYS = 2_592_000;
const HOURS_PER_30_DAYS = 720;

/** Per vCPU and second in the cheapest regions; a shared vCPU brings 256 MB, a performance vCPU 2 GB of memory. */
const VCPU_SECOND = { shared: 0.000_000_843, performance: 0.000_012_732 } as const;
const INCLUDED_MB_PER_VCPU = { shared: 256, performance: 2_048 } as const;
/** Memory beyond what the vCPUs bring. */
const ADDITIONAL_GB_SECOND = 0.000_002_32;

/** Stopped and suspended machines: 0.15 USD per GB of root file system for 30 days. */
export const ROOTFS_GB_HOUR = 0.15 / HOURS_PER_30_DAYS;
/** Volumes by provisioned size, attached or not: 0.15 USD per GB and month, pro rata; free in `pending_destroy`. */
export const VOLUME_GB_HOUR = 0.15 / HOURS_PER_30_DAYS;

/** Machine prices relative to `iad`. A region that is not listed is charged like `iad`. */
const REGION_FACTOR: Readonly<Record<string, number>> = {
  ams: 1.038461538,
  arn: 1.038461538,
  bom: 1.076923077,
  cdg: 1.134615385,
  dfw: 1.25,
  ewr: 1,
  fra: 1.153846154,
  gru: 1.615384615,
  iad: 1,
  jnb: 1.302884615,
  lax: 1.199519231,
  lhr: 1.134615385,
  nrt: 1.307692308,
  ord: 1.25,
  sin: 1.269230769,
  sjc: 1.192307692,
  syd: 1.269230769,
  yyz: 1.115384615,
};

export interface GuestSize {
  readonly cpuKind: string;
  readonly cpus: number;
  readonly memoryMb: number;
}

/** USD for one second in the state `started`. */
export function startedSecondPrice(guest: GuestSize, region: string): number {
  const kind = guest.cpuKind === "performance" ? "performance" : "shared";
  const additionalGb = Math.max(0, guest.memoryMb - guest.cpus * INCLUDED_MB_PER_VCPU[kind]) / 1_024;
  return (guest.cpus * VCPU_SECOND[kind] + additionalGb * ADDITIONAL_GB_SECOND) * (REGION_FACTOR[region] ?? 1);
}

/** USD for 30 days in the state `started`, as on Fly's pricing page. */
export const started30DaysPrice = (guest: GuestSize, region: string): number =>
  startedSecondPrice(guest, region) * SECONDS_PER_30_DAYS;

/** As in `shared-cpu-1x@256MB`. */
export const guestSizeName = (guest: GuestSize): string =>
  `${guest.cpuKind === "performance" ? "performance" : "shared-cpu"}-${guest.cpus}x@${guest.memoryMb}MB`;
