/** The circuit breaker as a function: what opens it, what closes it, and that it never stays open for good. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterFault, BREAKER_TRANSITIONS, CLOSED, closed, faultOf, mayAsk, probing, type Breaker } from "./breaker.js";

const NOW = 1_000_000;
const MINUTE = 60_000;
const openedBy = (...faults: ("refused" | "unavailable")[]): Breaker =>
  faults.reduce((breaker, fault) => afterFault(breaker, fault, NOW), CLOSED);

describe("a breaker", () => {
  it("opens at the third failure in a row, and at the first refusal", () => {
    expect(openedBy("unavailable", "unavailable")).toMatchObject({ state: "closed", failures: 2 });
    expect(openedBy("unavailable", "unavailable", "unavailable")).toMatchObject({ state: "open", since: NOW });
    expect(openedBy("refused")).toMatchObject({ state: "open", failures: 1 });
    const interrupted = closed(openedBy("unavailable", "unavailable"), "answered", NOW);
    expect(afterFault(interrupted, "unavailable", NOW)).toMatchObject({ state: "closed", failures: 1 });
  });

  it("lets nobody ask while it is open, then one, and then whoever that one is not", () => {
    const open = openedBy("refused");
    expect(mayAsk(CLOSED, NOW)).toBe("yes");
    expect(mayAsk(open, open.until - 1)).toBe("no");
    expect(mayAsk(open, open.until)).toBe("as_probe");
    const halfOpen = probing(open, open.until, open.until + MINUTE);
    expect(halfOpen).toMatchObject({ state: "half_open", since: open.until });
    expect(mayAsk(halfOpen, open.until)).toBe("no");
    // The one that asked has died.
    expect(mayAsk(halfOpen, halfOpen.until)).toBe("as_probe");
    expect(probing(halfOpen, halfOpen.until, halfOpen.until + MINUTE)).toMatchObject({ state: "half_open" });
  });

  it("closes when the one has an answer, and opens for longer when it has none", () => {
    const open = openedBy("refused");
    const halfOpen = probing(open, open.until, open.until + MINUTE);
    expect(closed(halfOpen, "answered", open.until + 1)).toEqual({ ...CLOSED, since: open.until + 1 });
    const again = afterFault(halfOpen, "refused", open.until + 1);
    expect(again).toMatchObject({ state: "open", failures: 2 });
    expect(again.until - (open.until + 1)).toBeGreaterThan(open.until - NOW);
  });

  it("is closed at once by whoever changes something, and says when, also if it was not open", () => {
    for (const breaker of [CLOSED, openedBy("refused"), probing(openedBy("refused"), NOW, NOW + MINUTE)]) {
      expect(closed(breaker, "changed", NOW + 5)).toEqual({ ...CLOSED, since: NOW + 5 });
    }
  });

  it("asks again after a quarter of an hour at the latest, however often it has failed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("refused" as const, "unavailable" as const), { maxLength: 60 }),
        (faults) => {
          const breaker = openedBy(...faults);
          expect(breaker.failures).toBe(faults.length);
          expect(mayAsk(breaker, NOW + 17 * MINUTE)).not.toBe("no");
          expect(breaker.state === "open").toBe(faults.length >= 3 || faults.includes("refused"));
        },
      ),
    );
  });

  it("knows what to do in every state, whatever happens", () => {
    for (const [state, moves] of Object.entries(BREAKER_TRANSITIONS)) {
      const events = state === "closed" ? ["answered", "changed", "failed", "tripped"] : [];
      const all = [
        ...events,
        ...(state === "closed" ? [] : ["answered", "changed", "failed", "probe_began", "tripped"]),
      ];
      expect(Object.keys(moves).sort()).toEqual(all);
    }
  });

  it("counts what the provider does wrong, and not what somebody else does", () => {
    expect(faultOf("provider_unauthorized")).toBe("refused");
    expect(faultOf("provider_unreachable")).toBe("unavailable");
    for (const kind of ["provider_no_capacity", "provider_rejected", "secret_missing", "worker_boot_failed"]) {
      expect(faultOf(kind)).toBeNull();
    }
  });
});
