/** The leases this worker holds, on disk: a restarted process gives back what its predecessor left running. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Claim } from "../../../src/shared/worker-protocol.js";
import { parseJson, writeWhole } from "../files.js";
import { sha256Hex } from "./identity.js";

const vLease = z.object({ messageId: z.string(), leaseId: z.string(), generation: z.number() });
export type JournaledLease = z.infer<typeof vLease>;

const SUFFIX = ".json";

export class LeaseJournal {
  private readonly directory: string;

  constructor(dataDirectory: string) {
    this.directory = join(dataDirectory, "leases");
  }

  async add({ messageId, leaseId, generation }: Pick<Claim, keyof JournaledLease>): Promise<void> {
    await writeWhole(this.file(leaseId), JSON.stringify({ messageId, leaseId, generation }), { durable: false });
  }

  async remove(leaseId: string): Promise<void> {
    await rm(this.file(leaseId), { force: true });
  }

  /** What is noted; called before the first claim, so all of it is somebody else's unfinished work. */
  async leftovers(): Promise<JournaledLease[]> {
    const names = await readdir(this.directory).catch(() => []);
    const leases: JournaledLease[] = [];
    for (const name of names) {
      const parsed = vLease.safeParse(parseJson(await readFile(join(this.directory, name), "utf8")));
      if (parsed.success) leases.push(parsed.data);
      // A write that a process died of: nobody acted on that lease, and it is not removed under the name of its lease.
      if (!parsed.success || !name.endsWith(SUFFIX)) await rm(join(this.directory, name), { force: true });
    }
    return leases;
  }

  private file(leaseId: string): string {
    return join(this.directory, `${sha256Hex(leaseId).slice(0, 32)}${SUFFIX}`);
  }
}
