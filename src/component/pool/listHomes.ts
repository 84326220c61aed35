/** Lists the machines of a pool wherever it has some: in the home they are made in, and in those where some still live. */
import type { ActionCtx } from "../functions.js";
import type { ObservedMachine } from "../providers/provider.js";
import { homeOf } from "./homes.js";
import { hasMetadata, ownershipMetadata, type Ownership } from "./machines.js";
import type { Observation } from "./observe.js";
import { describeProblem } from "./problem.js";
import type { Providers } from "./providers.js";
import type { Seen } from "./run.js";
import type { SeenMachine } from "./plan/situation.js";

/** Each home once. @throws what the list of the home that machines are made in throws */
export async function listHomes(
  ctx: ActionCtx,
  seen: Observation,
  providers: Providers,
  ownership: Ownership,
): Promise<Omit<Seen, "tickets">> {
  const owned = ownershipMetadata(ownership);
  const main = seen.providerConfig === null ? null : homeOf(seen.providerConfig);
  const homes = new Set([...(main === null ? [] : [main]), ...seen.workers.map(({ home }) => home)]);
  const atProvider: Omit<Seen, "tickets"> = { machines: [], unlistedHomes: [] };
  for (const home of homes) {
    try {
      const machines = await (await providers.at(home)).listMachines(owned);
      for (const machine of machines) {
        // The provider's filter is a courtesy; what is ours is decided here.
        if (hasMetadata(machine.metadata, owned)) atProvider.machines.push(asSeen(machine, home));
      }
    } catch (error) {
      // A former home that is out of reach keeps its own workers from being cleared away, and nothing else.
      if (home === main || describeProblem(error) === null) throw error;
      atProvider.unlistedHomes.push(home);
      ctx.log.warn("pool.home_unlisted", { poolKey: ownership.poolKey, home });
    }
  }
  return atProvider;
}

/** What the plan needs to know of it. */
function asSeen({ usdPerDay: _, ...machine }: ObservedMachine, home: string): SeenMachine {
  return { ...machine, home };
}
