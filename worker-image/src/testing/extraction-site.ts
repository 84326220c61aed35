/** A folder to extract into, with something beside it, and proof that nothing but it was touched. For tests. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import {
  ArchiveRejected,
  extractArchive,
  type ArchiveLimits,
  type ArchiveRejection,
  type ArchiveSource,
} from "../snapshots/extract.js";
import { temporaryDirectory } from "./temporary.js";

export class ExtractionSite {
  private constructor(
    /** Holds the target and the victim, nothing else. */
    readonly place: string,
    readonly target: string,
    /** A file that no archive may touch. */
    readonly victim: string,
  ) {}

  static async prepare(): Promise<ExtractionSite> {
    const place = await temporaryDirectory();
    const site = new ExtractionSite(place, join(place, "target"), join(place, "victim"));
    await mkdir(site.target);
    await writeFile(join(site.target, "before.txt"), "as it was");
    await writeFile(site.victim, "untouched");
    return site;
  }

  /** Nothing around the target has changed, and nothing was left beside it. */
  async expectSurroundingsUntouched(): Promise<void> {
    expect((await readdir(this.place)).sort()).toEqual(["target", "victim"]);
    expect(await readFile(this.victim, "utf8")).toBe("untouched");
  }

  async expectRejected(
    source: ArchiveSource,
    reasons?: readonly ArchiveRejection[],
    limits?: Partial<ArchiveLimits>,
  ): Promise<ArchiveRejected> {
    const error: unknown = await extractArchive(source, this.target, limits).then(
      () => new Error("The archive was accepted."),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ArchiveRejected);
    if (!(error instanceof ArchiveRejected)) throw error;
    if (reasons !== undefined) expect(reasons).toContain(error.reason);
    expect(await readdir(this.target)).toEqual(["before.txt"]);
    await this.expectSurroundingsUntouched();
    return error;
  }
}
