/** What a process that died has left in its journal of leases is given back once, whatever it died of. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/temporary.js";
import { LeaseJournal } from "./lease-journal.js";

const lease = (leaseId: string) => ({ messageId: `message of ${leaseId}`, leaseId, generation: 1 });

describe("the journal of leases", () => {
  it("has nothing in a fresh folder", async () => {
    expect(await new LeaseJournal(await temporaryDirectory()).leftovers()).toEqual([]);
  });

  it("keeps what was added and not removed for the next process", async () => {
    const data = await temporaryDirectory();
    const journal = new LeaseJournal(data);
    await journal.add(lease("a"));
    await journal.add(lease("b"));
    await journal.remove("a");
    expect(await new LeaseJournal(data).leftovers()).toEqual([lease("b")]);
    await journal.remove("b");
    expect(await new LeaseJournal(data).leftovers()).toEqual([]);
  });

  it("gives back a write that was not finished, once, and drops one that is torn", async () => {
    const data = await temporaryDirectory();
    const directory = join(data, "leases");
    await mkdir(directory);
    await writeFile(join(directory, "0123.json.new"), JSON.stringify(lease("whole")));
    await writeFile(join(directory, "4567.json.new"), '{"messageId":');
    await writeFile(join(directory, "89ab.json"), "");
    expect(await new LeaseJournal(data).leftovers()).toEqual([lease("whole")]);
    expect(await readdir(directory)).toEqual([]);
  });
});
