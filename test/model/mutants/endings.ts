/** Ways to break how messages end and what is bounded: cancellation, dead letters, overflow, caps, recovery, counters. */
import { QUEUE, type Mutant } from "./mutant.js";

export const ENDING_MUTANTS: readonly Mutant[] = [
  {
    name: "let a dead letter block its conversation",
    breaks: "INV-13",
    file: `${QUEUE}/ending.ts`,
    find: "head: queuedCount > 0 ? await findHead(ctx, lane.conversationId) : null,",
    replace: "head: queuedCount > 0 && deltas.deadLetter !== 1 ? await findHead(ctx, lane.conversationId) : null,",
  },
  {
    name: "keep the lease of a canceled turn",
    breaks: "INV-05",
    file: `${QUEUE}/cancel.ts`,
    find: 'await endLease(ctx, lease, { processing: -1, canceled: 1 }, { warmth: "cold", keepEntries: true, ...untold });',
    replace: "await count(ctx, message, lease._id, { processing: -1, canceled: 1 }); void untold;",
  },
  {
    name: "cancel without moving the conversation on",
    breaks: "INV-14",
    file: `${QUEUE}/cancel.ts`,
    find: 'if (lane.state === "leased" || (lane.state === "paused" && queuedCount > 0)) {',
    replace: 'if (lane.state !== "idle") {',
  },
  {
    name: "redrive with the attempts used up",
    breaks: "INV-13, INV-22",
    file: `${QUEUE}/deadLetters.ts`,
    find: "    attempts: 0,\n",
    replace: "",
  },
  {
    name: "redrive at the tail",
    breaks: "INV-13",
    file: `${QUEUE}/deadLetters.ts`,
    find: "    finishedAt: undefined,\n",
    replace: "    finishedAt: undefined,\n    sequence: lane.lastSequence + 1,\n",
  },
  {
    name: "redrive in front of a running message",
    breaks: "INV-01, INV-13",
    file: `${QUEUE}/deadLetters.ts`,
    find: 'if (lane.state === "leased" || lane.state === "paused") {',
    replace: 'if (lane.state === "paused") {',
  },
  {
    name: "let one message more into a full conversation",
    breaks: "INV-33",
    file: `${QUEUE}/overflow.ts`,
    find: "lane.queuedCount < maxQueuedPerConversation",
    replace: "lane.queuedCount <= maxQueuedPerConversation",
  },
  {
    name: "drop the newest instead of the oldest",
    breaks: "INV-33",
    file: `${QUEUE}/overflow.ts`,
    find: "const victim = (await firstInLine(ctx, lane.conversationId)) ?? (await firstAside(ctx, lane.conversationId));",
    replace: `const victim = await ctx.db
    .query("messages")
    .withIndex("by_lane_queue", (range) => range.eq("conversationId", lane.conversationId).eq("status", "queued"))
    .order("desc")
    .first();`,
  },
  {
    name: "drop silently",
    breaks: "INV-14, INV-33",
    file: `${QUEUE}/overflow.ts`,
    find: 'await ctx.db.patch("messages", victim._id, {',
    replace: 'await ctx.db.delete("messages", victim._id);\n  void ({',
  },
  {
    name: "forget what was dropped when its turn fails for good",
    breaks: "INV-33",
    file: `${QUEUE}/fail.ts`,
    find: "const untold = message.summary === undefined ? {} : { untold: message.summary };",
    replace: "const untold = {};",
  },
  {
    name: "let one conversation more run than the cap",
    breaks: "INV-32",
    file: `${QUEUE}/slots.ts`,
    find: "if ((row?.held ?? 0) >= cap)",
    replace: "if ((row?.held ?? 0) > cap)",
  },
  {
    name: "keep a slot after the turn",
    breaks: "INV-32",
    file: `${QUEUE}/slots.ts`,
    find: 'else await ctx.db.patch("laneSlots", row._id, { held: row.held - 1 });',
    replace: 'else await ctx.db.patch("laneSlots", row._id, { held: row.held });',
  },
  {
    name: "pass a free slot on to nobody",
    breaks: "INV-32",
    file: `${QUEUE}/admission.ts`,
    find: "if (next !== null) await admit(ctx, next);",
    replace: "void next;",
  },
  {
    name: "forget to schedule the wake-up of a delayed conversation",
    breaks: "INV-12, INV-14",
    file: `${QUEUE}/wake.ts`,
    find: 'if (lane.state === "delayed" && lane.wakeAt !== undefined) {',
    replace: 'if (lane.state === "delayed" && lane.wakeAt === 0) {',
  },
  {
    name: "never open a reservation",
    breaks: "INV-31",
    file: `${QUEUE}/recovery.ts`,
    find: 'if (lane.state === "ready") {\n      await ctx.db.patch("lanes", lane._id, { audience: ANY_WORKER, wakeAt: undefined });',
    replace: 'if (lane.state === "ready") {\n      await ctx.db.patch("lanes", lane._id, { wakeAt: undefined });',
  },
  {
    name: "mark a silent worker alive in the sweep",
    breaks: "INV-05",
    file: `${QUEUE}/recovery.ts`,
    find: 'await ctx.db.patch("leaseHolders", holder._id, { state: "lapsed" });',
    replace: 'await ctx.db.patch("leaseHolders", holder._id, { expiresAt: now + holder.leaseDurationMs });',
  },
  {
    name: "leave turns past their run deadline alone",
    breaks: "INV-06, INV-14",
    file: `${QUEUE}/recovery.ts`,
    find: "  for (const lease of overdue) {",
    replace: "  for (const lease of overdue.slice(overdue.length)) {",
  },
  {
    name: "forget the counter of a retry",
    breaks: "counters",
    file: `${QUEUE}/fail.ts`,
    find: "await endLease(ctx, lease, { processing: -1, queued: 1 }, {",
    replace: "await endLease(ctx, lease, { processing: -1 }, {",
  },
  {
    name: "hand out a lost claim as a new attempt",
    breaks: "INV-20",
    file: `${QUEUE}/claim.ts`,
    find: "if (forgotten !== null) return forgotten;",
    replace: "void forgotten;",
  },
];
