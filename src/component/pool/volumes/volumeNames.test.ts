/** A volume's name is all there is to tell whose it is: it fits, it is one worker's, and nobody else's passes for it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { volumeName, workerOfVolume } from "./volumeNames.js";

const ownership = fc.record({ deploymentUrl: fc.webUrl(), poolKey: fc.string({ minLength: 1, maxLength: 20 }) });
const prefix = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const workerId = fc.stringMatching(/^w[a-z2-7]{12}$/);

describe("a volume's name", () => {
  it("has at most the 30 characters that Fly takes, and leads back to its worker", () => {
    fc.assert(
      fc.property(ownership, prefix, workerId, (pool, begin, worker) => {
        const name = volumeName(pool, begin, worker);
        expect(name).toMatch(/^[a-z0-9_]{1,30}$/);
        expect(workerOfVolume(pool, name)).toBe(worker);
        expect(volumeName(pool, begin, worker)).toBe(name);
      }),
    );
  });

  it("is another one for another worker, and not ours for another deployment or pool", () => {
    fc.assert(
      fc.property(ownership, ownership, prefix, workerId, workerId, (pool, other, begin, worker, second) => {
        fc.pre(worker !== second && JSON.stringify(pool) !== JSON.stringify(other));
        expect(volumeName(pool, begin, second)).not.toBe(volumeName(pool, begin, worker));
        expect(workerOfVolume(other, volumeName(pool, begin, worker))).toBeNull();
      }),
    );
  });

  it("is nobody's of ours when anybody else has chosen it", () => {
    const pool = { deploymentUrl: "https://happy-otter-123.convex.cloud", poolKey: "default" };
    const ours = volumeName(pool, "data", "wabcdefghijkl");
    expect(workerOfVolume(pool, ours)).toBe("wabcdefghijkl");
    for (const name of ["", "data", "pg_data", "data_abcdefg_abcdefghijkl", `${ours}2`, ours.slice(5), `x${ours}y`]) {
      expect(workerOfVolume(pool, name), name).not.toBe("wabcdefghijkl");
    }
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9_]{0,30}$/), (name) => {
        fc.pre(name !== ours);
        expect(workerOfVolume(pool, name)).not.toBe("wabcdefghijkl");
      }),
    );
  });
});
