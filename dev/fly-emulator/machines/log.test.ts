import { describe, expect, it } from "vitest";
import { MachineLog } from "./log.js";

describe("MachineLog", () => {
  it("keeps the newest output within its bound", () => {
    const log = new MachineLog(10);
    log.append(Buffer.from("abcdef"));
    log.append(Buffer.from("ghijkl"));
    expect(log.text()).toBe("cdefghijkl");
    log.append(Buffer.from("0123456789ABCDEF"));
    expect(log.text()).toBe("6789ABCDEF");
  });

  it("takes its own notes", () => {
    const log = new MachineLog(1_000);
    log.note("hello");
    expect(log.text()).toBe("[fly-emulator] hello\n");
  });
});
