/** When a worker's disk may be thrown away: the rule, and what it is told about snapshots. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { component, inComponent, startComponent } from "../../setup.test-kit.js";
import { unsavedConversations } from "./unsaved.js";
import { storeSnapshot } from "./volumes.test-kit.js";

const upload = fc.record({ conversationId: fc.string(), isCurrent: fc.boolean(), isStored: fc.boolean() });

describe("what would be lost with a disk", () => {
  it("is not known while a turn is open, whatever else", () => {
    fc.assert(
      fc.property(fc.array(upload), (uploads) => {
        expect(unsavedConversations({ hasOpenTurn: true, uploads })).toBeNull();
      }),
    );
  });

  it("is what is current and cannot be had back, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(upload), (uploads) => {
        const unsaved = unsavedConversations({ hasOpenTurn: false, uploads });
        const isLost = uploads.some(({ isCurrent, isStored }) => isCurrent && !isStored);
        expect(unsaved).not.toBeNull();
        expect((unsaved ?? []).length > 0).toBe(isLost);
        // Neither what a newer snapshot has replaced nor what no turn has committed is missed.
        const others = uploads.filter(({ isCurrent }) => !isCurrent);
        expect(unsavedConversations({ hasOpenTurn: false, uploads: others })).toEqual([]);
      }),
    );
  });

  const read = async (t: ReturnType<typeof startComponent>, workerId: string, after = 0) =>
    await t.action(async (ctx) => await ctx.runQuery(component.pool.internalVolumes.unsaved, { workerId, after }));

  it("is told of this worker's snapshots alone, a page at a time", async () => {
    const t = startComponent();
    await storeSnapshot(t, { workerId: "w1", conversationId: "saved", isStored: true });
    await storeSnapshot(t, { workerId: "w2", conversationId: "another's", isStored: false });
    expect(await read(t, "w1")).toEqual({ conversationIds: [], next: null });
    expect(await read(t, "w2")).toEqual({ conversationIds: ["another's"], next: null });
    for (let index = 0; index < 105; index++) {
      await storeSnapshot(t, { workerId: "w3", conversationId: `c${index}`, isStored: index !== 103 });
    }
    const first = await read(t, "w3");
    expect(first).toMatchObject({ conversationIds: [], next: expect.any(Number) as number });
    expect(await read(t, "w3", first.next ?? 0)).toEqual({ conversationIds: ["c103"], next: null });
  });

  it("takes a file of another size for none", async () => {
    const t = startComponent();
    await storeSnapshot(t, { workerId: "w1", conversationId: "cut", isStored: true });
    await inComponent(t, async (ctx) => {
      const snapshot = await ctx.db.query("snapshots").first();
      if (snapshot !== null) await ctx.db.patch("snapshots", snapshot._id, { sizeBytes: 6 });
    });
    expect(await read(t, "w1")).toMatchObject({ conversationIds: ["cut"] });
  });
});
