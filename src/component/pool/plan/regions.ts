/** Where the next machine is asked for: the preferred regions in their order, without those that have just been full. Pure. */

/** Room comes back when somebody else's machine goes; asking more often costs a call for each machine that is wanted. */
export const REGION_COOLDOWN_MS = 5 * 60_000;

export type RegionCooldown = { region: string; until: number };

/** Never empty for a pool that has regions: when all of them were full, the one that was so first is tried. */
export function regionsToTry(regions: string[], cooldowns: RegionCooldown[], now: number): string[] {
  const coolUntil = new Map(cooldowns.map(({ region, until }) => [region, until]));
  const open = regions.filter((region) => now >= (coolUntil.get(region) ?? 0));
  if (open.length > 0) return open;
  const soonest = [...regions].sort((left, right) => (coolUntil.get(left) ?? 0) - (coolUntil.get(right) ?? 0));
  return soonest.slice(0, 1);
}

/** What is remembered after a run that found `full` regions without room. */
export function nextCooldowns(cooldowns: RegionCooldown[], full: string[], now: number): RegionCooldown[] {
  const kept = cooldowns.filter(({ region, until }) => until > now && !full.includes(region));
  return [...kept, ...full.map((region) => ({ region, until: now + REGION_COOLDOWN_MS }))];
}
