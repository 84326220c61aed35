/** Ways to break the life of a message: order, duplicates, releases, completions, retries and backoff. */
import { QUEUE, type Mutant } from "./mutant.js";

export const MESSAGE_MUTANTS: readonly Mutant[] = [
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
];
