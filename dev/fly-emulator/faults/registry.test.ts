import { describe, expect, it } from "vitest";
import { seededRandom } from "../model/random.js";
import { FaultRegistry, type FaultQuery } from "./registry.js";

const get: FaultQuery = { action: "machine_get", app: "a", machineId: "m1", machineAgeMs: 500 };
const kinds = (registry: FaultRegistry, query: FaultQuery): string[] => registry.take(query).map(({ kind }) => kind);

describe("FaultRegistry", () => {
  it("meets as many matching requests as it was told", () => {
    const registry = new FaultRegistry(seededRandom(1));
    const handle = registry.add({ match: { action: "machine_get", machineId: "m1" }, times: 2, kind: "not_found" });
    expect(kinds(registry, { ...get, machineId: "m2" })).toEqual([]);
    expect(kinds(registry, { ...get, action: "machine_stop" })).toEqual([]);
    expect(kinds(registry, get)).toEqual(["not_found"]);
    expect(kinds(registry, get)).toEqual(["not_found"]);
    expect(kinds(registry, get)).toEqual([]);
    expect(handle.hits).toBe(2);
  });

  it("stands until it is removed when told Infinity", () => {
    const registry = new FaultRegistry(seededRandom(1));
    const handle = registry.add({ times: Infinity, kind: "unauthorized" });
    expect(Array.from({ length: 20 }, () => kinds(registry, get).length)).not.toContain(0);
    handle.remove();
    expect(kinds(registry, get)).toEqual([]);
  });

  it("repeats its chances with its seed", () => {
    const run = (seed: number): string => {
      const registry = new FaultRegistry(seededRandom(seed));
      registry.add({ times: Infinity, probability: 0.5, kind: "not_found" });
      return Array.from({ length: 64 }, () => String(kinds(registry, get).length)).join("");
    };
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
    expect(run(7)).toContain("0");
    expect(run(7)).toContain("1");
  });

  it("spends nothing behind a fault that keeps the request from acting", () => {
    const registry = new FaultRegistry(seededRandom(1));
    registry.add({ kind: "slow", delayMs: 1 });
    registry.add({ kind: "fail_before_commit", answer: 500 });
    registry.add({ kind: "fail_after_commit", answer: 500 });
    expect(kinds(registry, get)).toEqual(["slow", "fail_before_commit"]);
    expect(kinds(registry, get)).toEqual(["fail_after_commit"]);
  });

  it("shows one machine's looks in lists, too, and knows how young a machine is", () => {
    const registry = new FaultRegistry(seededRandom(1));
    const list: FaultQuery = { action: "machine_list", app: "a" };
    registry.add({ match: { machineId: "m1" }, times: Infinity, kind: "unknown_state", state: "hibernating" });
    registry.add({ match: { machineId: "m1" }, times: Infinity, kind: "slow", delayMs: 1 });
    registry.add({ times: Infinity, kind: "not_found_when_fresh", withinMs: 1_000 });
    expect(kinds(registry, list)).toEqual(["unknown_state"]);
    expect(kinds(registry, get)).toEqual(["unknown_state", "slow", "not_found_when_fresh"]);
    expect(kinds(registry, { ...get, machineAgeMs: 1_001 })).toEqual(["unknown_state", "slow"]);
  });
});
