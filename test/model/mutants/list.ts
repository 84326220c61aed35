/** Ways to break the queue, each by one small change: `npm run test:mutants` shows that the tests notice every one. */
import { ENDING_MUTANTS } from "./endings.js";
import { LEASE_MUTANTS } from "./leases.js";
import { MESSAGE_MUTANTS } from "./messages.js";
import type { Mutant } from "./mutant.js";

export const MUTANTS: readonly Mutant[] = [...LEASE_MUTANTS, ...MESSAGE_MUTANTS, ...ENDING_MUTANTS];
