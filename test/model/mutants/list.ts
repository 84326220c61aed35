/** Ways to break the queue, each by one small change: `npm run test:mutants` shows that the tests notice every one. */

export type Mutant = {
  name: string;
  /** What the change breaks. */
  breaks: string;
  file: string;
  /** Must occur exactly once in the file. */
  find: string;
  replace: string;
};

const QUEUE = "src/component/queue";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "skip the generation check",
    breaks: "INV-03",
    file: `${QUEUE}/held.ts`,
    find: "lease.generation !== claim.generation ||",
    replace: "",
  },
  {
    name: "let any worker act on a lease",
    breaks: "INV-03",
    file: `${QUEUE}/held.ts`,
    find: "lease.workerId !== claim.workerId ||",
    replace: "",
  },
  {
    name: "accept a completion after the lease has expired",
    breaks: "INV-04",
    file: `${QUEUE}/held.ts`,
    find: "!isLeaseAlive(lease, await findHolder(ctx, claim.workerId), Date.now())",
    replace: "(await findHolder(ctx, claim.workerId)) === null",
  },
  {
    name: "be alive at the deadline itself",
    breaks: "INV-04",
    file: `${QUEUE}/liveness.ts`,
    find: 'return holder.state === "live" && now < holder.expiresAt;',
    replace: 'return holder.state === "live" && now <= holder.expiresAt;',
  },
  {
    name: "run on at the run's deadline itself",
    breaks: "INV-06",
    file: `${QUEUE}/liveness.ts`,
    find: "now < lease.runDeadlineAt",
    replace: "now <= lease.runDeadlineAt",
  },
  {
    name: "let a heartbeat revive a lapsed worker with its leases",
    breaks: "INV-05",
    file: `${QUEUE}/liveness.ts`,
    find: "if (!isHolderLive(holder, Date.now())) return false;",
    replace: "",
  },
  {
    name: "revive a worker in the same life",
    breaks: "INV-05",
    file: `${QUEUE}/liveness.ts`,
    find: "epoch: holder.epoch + 1",
    replace: "epoch: holder.epoch",
  },
  {
    name: "let a heartbeat extend the run's deadline",
    breaks: "INV-06",
    file: `${QUEUE}/liveness.ts`,
    find: '  await ctx.db.patch("leaseHolders", holder._id, nextBeat(holder));\n  return true;',
    replace: `  await ctx.db.patch("leaseHolders", holder._id, nextBeat(holder));
  const leases = ctx.db.query("leases").withIndex("by_worker", (range) => range.eq("workerId", workerId));
  for await (const lease of leases) await ctx.db.patch("leases", lease._id, { runDeadlineAt: Date.now() + 900_000 });
  return true;`,
  },
  {
    name: "reuse a generation",
    breaks: "INV-02",
    file: `${QUEUE}/claim.ts`,
    find: "const generation = lane.generation + 1;",
    replace: "const generation = Math.max(1, lane.generation);",
  },
  {
    name: "count no attempt at the claim",
    breaks: "INV-20, INV-22",
    file: `${QUEUE}/claim.ts`,
    find: "attempts: message.attempts + 1",
    replace: "attempts: Math.max(1, message.attempts)",
  },
  {
    name: "count no attempt on expiry",
    breaks: "INV-22",
    file: `${QUEUE}/recovery.ts`,
    find: "return await endFailedTurn(ctx, lease, message, {",
    replace: "return await endFailedTurn(ctx, lease, { ...message, attempts: message.attempts - 1 }, {",
  },
  {
    name: "claim a lane that runs already",
    breaks: "INV-01, INV-08",
    file: `${QUEUE}/claim.ts`,
    find: 'if (lane.state !== "ready" || lane.poolKey !== poolKey) return false;',
    replace: 'if ((lane.state !== "ready" && lane.state !== "leased") || lane.poolKey !== poolKey) return false;',
  },
  {
    name: "claim what is reserved for another worker",
    breaks: "INV-31",
    file: `${QUEUE}/claim.ts`,
    find: "return lane.audience === ANY_WORKER || lane.audience === workerId;",
    replace: "return lane.audience !== workerId || lane.audience === workerId;",
  },
  {
    name: "claim beyond the worker's capacity",
    breaks: "INV-32",
    file: `${QUEUE}/claim.ts`,
    find: "if (held.length >= claimant.capacity) return null;",
    replace: "if (held.length > claimant.capacity) return null;",
  },
  {
    name: "let a lapsed worker claim",
    breaks: "INV-04",
    file: `${QUEUE}/claim.ts`,
    find: "if (holder === null || !isHolderLive(holder, now)) return null;",
    replace: "if (holder === null) return null;",
  },
  {
    name: "claim for a disabled agent",
    breaks: "INV-24",
    file: `${QUEUE}/claim.ts`,
    find: "if (!agent.enabled) {",
    replace: 'if (!agent.enabled && agent.version === "") {',
  },
  {
    name: "sort by priority only",
    breaks: "INV-31",
    file: `${QUEUE}/lane.ts`,
    find: "return readySince - priority * PRIORITY_HEAD_START_MS;",
    replace: "return (readySince === 0 ? 0 : 1) - priority * PRIORITY_HEAD_START_MS;",
  },
  {
    name: "ignore priority",
    breaks: "INV-31",
    file: `${QUEUE}/lane.ts`,
    find: "return readySince - priority * PRIORITY_HEAD_START_MS;",
    replace: "return readySince - Math.min(0, priority) * PRIORITY_HEAD_START_MS;",
  },
  {
    name: "serve the shards in their own order instead of by rank",
    breaks: "INV-31",
    file: `${QUEUE}/claim.ts`,
    find: "return heads.sort((left, right) => left.rank - right.rank);",
    replace: "return heads;",
  },
  {
    name: "be due only after the time",
    breaks: "INV-12",
    file: `${QUEUE}/lane.ts`,
    find: "return head.scheduledFor <= now;",
    replace: "return head.scheduledFor < now;",
  },
  {
    name: "let a follower overtake a retry",
    breaks: "INV-09, INV-12",
    file: `${QUEUE}/head.ts`,
    find: 'range.eq("conversationId", conversationId).eq("status", "queued").eq("asideUntil", undefined),\n    )\n    .first();',
    replace:
      'range.eq("conversationId", conversationId).eq("status", "queued").eq("asideUntil", undefined),\n    )\n    .order("desc")\n    .first();',
  },
  {
    name: "let a message that stands aside block",
    breaks: "INV-12",
    file: `${QUEUE}/enqueue.ts`,
    find: "...(request.blocksFollowers === false ? { asideUntil: scheduledFor } : {}),",
    replace: "",
  },
  {
    name: "let a retry of a message that stands aside go first at once",
    breaks: "INV-12, INV-23",
    file: `${QUEUE}/fail.ts`,
    find: "...(message.asideUntil === undefined ? {} : { asideUntil: scheduledFor }),",
    replace: "",
  },
  {
    name: "number messages by chance",
    breaks: "INV-11",
    file: `${QUEUE}/enqueue.ts`,
    find: "const sequence = (lane?.lastSequence ?? 0) + 1;",
    replace: "const sequence = Math.max(1, lane?.lastSequence ?? 0);",
  },
  {
    name: "ignore the provider in de-duplication",
    breaks: "INV-17",
    file: `${QUEUE}/enqueue.ts`,
    find: 'range.eq("agentKey", agentKey).eq("provider", provider).eq("externalMessageId", externalMessageId),\n    )\n    .first();',
    replace:
      'range.eq("agentKey", agentKey),\n    )\n    .filter((q) => q.eq(q.field("externalMessageId"), provider === "" ? "" : externalMessageId))\n    .first();',
  },
  {
    name: "accept a delivery again once it is answered",
    breaks: "INV-16",
    file: `${QUEUE}/enqueue.ts`,
    find: "return known?._id ?? null;",
    replace: 'return known === null || known.status === "done" ? null : known._id;',
  },
  {
    name: "count an attempt for a release",
    breaks: "INV-20",
    file: `${QUEUE}/release.ts`,
    find: "attempts: message.attempts - 1,",
    replace: "",
  },
  {
    name: "release without ever waiting",
    breaks: "INV-23",
    file: `${QUEUE}/release.ts`,
    find: "excess <= 0 ? 0",
    replace: "excess <= 100 ? 0",
  },
  {
    name: "accept another result for a completed turn",
    breaks: "INV-18",
    file: `${QUEUE}/complete.ts`,
    find: "if (completion.resultHash !== resultHash) {",
    replace: 'if (completion.resultHash === "") {',
  },
  {
    name: "refuse the same result the second time",
    breaks: "INV-18",
    file: `${QUEUE}/complete.ts`,
    find: "completion: { workerId: lease.workerId, leaseId: lease._id, generation: lease.generation, resultHash },",
    replace:
      'completion: { workerId: lease.workerId, leaseId: lease._id, generation: lease.generation, resultHash: "" },',
  },
  {
    name: "answer twice",
    breaks: "INV-19",
    file: `${QUEUE}/complete.ts`,
    find: '  await tell(ctx, message, lease.generation, { role: "assistant", content: result.reply });',
    replace:
      '  await tell(ctx, message, lease.generation, { role: "assistant", content: result.reply });\n  await tell(ctx, message, lease.generation, { role: "assistant", content: result.reply });',
  },
  {
    name: "store a streamed delta again when it is repeated",
    breaks: "INV-19",
    file: "src/component/conversations/stream.ts",
    find: "const fresh = delta.text.slice(length - delta.offset);",
    replace: "const fresh = delta.text;",
  },
  {
    name: "try once more than allowed",
    breaks: "INV-21",
    file: `${QUEUE}/fail.ts`,
    find: "message.attempts >= message.maxAttempts",
    replace: "message.attempts > message.maxAttempts",
  },
  {
    name: "retry what no repetition can mend",
    breaks: "INV-24",
    file: `${QUEUE}/fail.ts`,
    find: "retryable ?? FAILURE_KINDS[failure.kind].retryable",
    replace: 'retryable ?? FAILURE_KINDS[failure.kind].meaning !== ""',
  },
  {
    name: "ignore the provider's retry-after",
    breaks: "INV-23",
    file: "src/shared/backoff.ts",
    find: "Math.min(asked, MAX_RETRY_AFTER_MS)",
    replace: "Math.min(asked * 0, MAX_RETRY_AFTER_MS)",
  },
  {
    name: "back off without a cap",
    breaks: "INV-23",
    file: "src/shared/backoff.ts",
    find: "Math.min(policy.capMs, policy.baseMs * policy.factor ** exponent)",
    replace: "policy.baseMs * policy.factor ** exponent",
  },
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
