import { describe, expect, it } from "vitest";
import {
  bindUser,
  configureAgent,
  enqueue,
  expectRefused,
  snapshotOfAllTables,
  startComponent,
  startWithAgent,
  useFakeClock,
  type EnqueueOptions,
} from "../setup.test-kit.js";

const YEAR_MS = 366 * 24 * 60 * 60_000;
const attachment = { kind: "document" as const, status: "ready" as const, storageId: "s", expiresAt: 1 };
const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

describe("a message that is refused leaves nothing behind", () => {
  useFakeClock();

  const badArguments: [string, EnqueueOptions & { text?: string; conversationId?: string }, RegExp][] = [
    ["a blank conversation", { conversationId: "  " }, /conversationId is blank/],
    ["a conversation id beyond 256 bytes", { conversationId: "c".repeat(257) }, /conversationId is longer than 256/],
    ["a blank agent", { agentKey: "" }, /agentKey is blank/],
    ["a blank provider", { payload: { provider: " " } }, /payload\.provider is blank/],
    ["a blank provider user", { payload: { providerUserId: "\t" } }, /payload\.providerUserId is blank/],
    ["a blank delivery id", { externalMessageId: "" }, /payload\.externalMessageId is blank/],
    ["neither text nor attachment", { text: "\n " }, /message is empty/],
    ["more than 128 KiB of text", { text: "x".repeat(128 * 1024 + 1) }, /messageText is 131073 bytes long; at most/],
    ["text counted in bytes, not characters", { text: "\u20ac".repeat((128 * 1024) / 3 + 1) }, /messageText is/],
    ["a raw update beyond 64 KiB", { payload: { rawUpdateJson: "x".repeat(64 * 1024 + 1) } }, /rawUpdateJson is 65537/],
    ["more than 32 metadata entries", { payload: { metadata: entries(33) } }, /metadata has 33 entries/],
    ["metadata beyond 8 KiB", { payload: { metadata: { k: "x".repeat(8 * 1024) } } }, /metadata is \d+ bytes/],
    ["more than 16 attachments", { payload: { attachments: Array.from({ length: 17 }, () => attachment) } }, /16/],
    [
      "attachments whose names are beyond 32 KiB",
      { payload: { attachments: [{ ...attachment, fileName: "x".repeat(32 * 1024) }] } },
      /attachments is \d+ bytes/,
    ],
    ["a priority above 100", { priority: 101 }, /priority must be a whole number from 0 to 100/],
    ["a negative priority", { priority: -1 }, /priority must be/],
    ["half a priority", { priority: 0.5 }, /priority must be/],
    ["no attempt at all", { maxAttempts: 0 }, /maxAttempts must be a whole number from 1 to 100/],
    ["too many attempts", { maxAttempts: 101 }, /maxAttempts must be/],
    ["a time that is none", { scheduledFor: NaN }, /scheduledFor must be a time/],
    ["a time beyond a year", { scheduledFor: 4_000_000_000_000 + YEAR_MS }, /at most a year from now/],
  ];

  for (const [what, { text = "hi", conversationId = "c", ...options }, message] of badArguments) {
    it(`for ${what}`, async () => {
      const t = await startWithAgent();
      const refusal = await expectRefused(t, "invalid_argument", async () => enqueue(t, conversationId, text, options));
      expect(refusal).toMatch(message);
    });
  }

  it("for an agent that does not exist, and says how to make one", async () => {
    const t = startComponent();
    const refusal = await expectRefused(t, "agent_not_found", async () => enqueue(t, "c"));
    expect(refusal).toMatch(/no agent "a".*configureAgent/);
  });

  it("for a disabled agent, and says how to enable it", async () => {
    const t = startComponent();
    await configureAgent(t, "a", false);
    const refusal = await expectRefused(t, "agent_disabled", async () => enqueue(t, "c"));
    expect(refusal).toMatch(/disabled.*enabled: true/);
  });

  it("for another agent's conversation", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    await enqueue(t, "c");
    await expectRefused(t, "conversation_mismatch", async () => enqueue(t, "c", "hi", { agentKey: "b" }));
  });

  it("for a conversation that a binding made for another agent, also before its first message", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    const conversationId = await bindUser(t, "ada");
    await expectRefused(t, "conversation_mismatch", async () => enqueue(t, conversationId, "hi", { agentKey: "b" }));
  });
});

describe("the largest message that is accepted", () => {
  useFakeClock();

  it("fits into one document with everything at its limit at once", async () => {
    const t = await startWithAgent();
    await enqueue(t, "c", "x".repeat(128 * 1024), {
      payload: {
        rawUpdateJson: "x".repeat(64 * 1024),
        metadata: { k: "x".repeat(8 * 1024 - 9) },
        attachments: Array.from({ length: 16 }, () => ({ ...attachment, fileName: "x".repeat(1_900) })),
      },
    });
    expect((await snapshotOfAllTables(t)).messages).toHaveLength(1);
  });
});
