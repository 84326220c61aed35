/** Makes the identities and one-time credentials of workers that are about to be asked for. */
import { randomToken, sha256Hex } from "../digest.js";

/** Identities and one-time credentials for `count` workers. Only an action has the randomness they need. */
export async function mint(count: number) {
  const credentials = new Map<string, string>();
  const tickets = [];
  for (let index = 0; index < count; index++) {
    const workerId = newWorkerId();
    const credential = randomToken();
    credentials.set(workerId, credential);
    tickets.push({ workerId, credentialHash: await sha256Hex(credential) });
  }
  return { tickets, credentials };
}

/** Part of a machine's name, so letters and digits only; 60 bits are unique among any pool's workers. */
function newWorkerId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return "w" + Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join("");
}
