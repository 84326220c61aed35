/** Decides, after turns that failed because of the disk, whether this worker can go on: if not, another machine must take over. */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FailureKind } from "../../../src/shared/failure.js";
import { errorMessage, type Logger } from "../logger.js";

/** Enough for what the worker itself writes in a turn, small enough to be no load on a disk that is well. */
const PROBE_BYTES = 1024 * 1024;
/** A disk that has room for the probe and for no turn is not worth a fourth message. */
const MAX_FAILURES = 3;

export class DiskWatch {
  private failures = 0;

  constructor(
    private readonly dataDirectory: string,
    private readonly logger: Logger,
  ) {}

  /**
   * Whether the worker may claim again after a turn that ended with `failure` (`null` when it did not fail). Never throws.
   *
   * @param makeRoom called before the disk is tried
   */
  async isUsableAfter(failure: FailureKind | null, makeRoom: () => Promise<void>): Promise<boolean> {
    if (failure === null) this.failures = 0;
    if (failure !== "disk_full") return true;
    this.failures += 1;
    await makeRoom();
    const problem =
      this.failures >= MAX_FAILURES ? `${this.failures} turns in a row failed because of it` : await this.try();
    if (problem === null) return true;
    this.logger.error({ problem }, "The disk is of no use any more; leaving, so that another machine takes over.");
    return false;
  }

  /** What is wrong with the disk, by writing to it. */
  private async try(): Promise<string | null> {
    const file = join(this.dataDirectory, "disk-probe");
    try {
      const probe = await open(file, "w", 0o600);
      try {
        await probe.writeFile(Buffer.alloc(PROBE_BYTES));
        await probe.sync();
      } finally {
        await probe.close();
      }
      return null;
    } catch (error) {
      return errorMessage(error);
    } finally {
      await rm(file, { force: true }).catch(() => {});
    }
  }
}
