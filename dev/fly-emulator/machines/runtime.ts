/** What runs behind one machine record: its process, its log, and which of its transitions is the current one. */
import { type MachineLog } from "./log.js";
import { type MachineProcess } from "./process.js";

export class MachineRuntime {
  process: MachineProcess | undefined;
  /** Whether placement is over; before that, Fly refuses to start a machine that is `created`. */
  prepared = false;
  /** When its process was restarted by policy. */
  restartedAt: number[] = [];
  /** The next start of this suspended machine is a cold boot. */
  coldResume = false;
  private epoch = 0;
  private timer: NodeJS.Timeout | undefined;
  private lastBoot: Promise<void> = Promise.resolve();

  constructor(readonly log: MachineLog) {}

  /** Every change of course takes a new epoch: what an earlier one still has under way finds itself outdated. */
  nextEpoch(): number {
    clearTimeout(this.timer);
    this.epoch += 1;
    return this.epoch;
  }

  isCurrent(epoch: number): boolean {
    return this.epoch === epoch;
  }

  /** Runs `step` after `delayMs` unless the course changes before; there is one pending step at a time. */
  after(epoch: number, delayMs: number, step: () => void): void {
    if (!this.isCurrent(epoch)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.isCurrent(epoch)) step();
    }, delayMs);
  }

  /** Boots one after the other: two of them would write the same root directory. */
  queueBoot(boot: () => Promise<void>): Promise<void> {
    this.lastBoot = this.lastBoot.then(boot, boot);
    return this.lastBoot;
  }

  /** Resolves when no boot is under way. */
  async bootsDone(): Promise<void> {
    await this.lastBoot.catch(() => undefined);
  }
}
