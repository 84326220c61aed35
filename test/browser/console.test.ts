/** The example's pages, used as people use them: each test goes on from where the one before it left off. */
import { ConvexHttpClient } from "convex/browser";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { listWorkers } from "../../dev/demo/fleet.js";
import { api } from "../../example/convex/_generated/api.js";
import { newVisitor, type Visitor } from "./browser.js";
import { ChatPage } from "./chat-page.js";
import { startConsoleSystem, type ConsoleSystem } from "./console-system.js";
import { describeFailure } from "./diagnosis.js";
import { FleetPage } from "./fleet-page.js";
import { keepPicture, pictureOfChat, pictureOfFleet } from "./pictures.js";

/** What a browser reports when the line it uses is cut; nothing of the page's own. */
const CUT_LINE = /ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket connection to/;

/** The smallest picture there is: one red pixel. */
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
);

let system: ConsoleSystem;
let alice: Visitor;
let bob: Visitor;
let aliceChat: ChatPage;
let bobChat: ChatPage;

beforeAll(async () => {
  system = await startConsoleSystem();
  alice = await newVisitor(system.browser);
  bob = await newVisitor(system.browser, { width: 360, height: 740, colorScheme: "dark" });
  aliceChat = new ChatPage(alice.page);
  bobChat = new ChatPage(bob.page);
  return async () => await system.close();
});

afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    process.stderr.write(`${await describeFailure(system, { alice, bob })}\n`);
  }
  expect(alice.errors).toEqual([]);
  expect(bob.errors).toEqual([]);
});

describe("the chat", () => {
  it("shows a message at once, the answer while it is written, and then the whole of it", async () => {
    await aliceChat.open(system.chatUrl);
    const liveTexts = await aliceChat.recordLiveText();
    await aliceChat.send("Remember that the launch is on Friday");
    await aliceChat.ownMessages.first().waitFor({ timeout: 5_000 });
    const reply = await aliceChat.replyAfter(0);
    expect(reply).toContain("launch is on Friday");
    const seen = await liveTexts();
    // It grew: more than one state was seen before it was complete, each longer than the one before.
    expect(seen.length).toBeGreaterThan(1);
    expect(seen[0]!.length).toBeLessThan(seen.at(-1)!.length);
    expect(await aliceChat.liveText.count()).toBe(0);
  });

  it("remembers, through a reload of the page, who one is and what was said", async () => {
    await alice.page.reload();
    await aliceChat.replies.first().waitFor();
    expect(await aliceChat.ask("List my notes")).toContain("launch is on Friday");
  });

  it("sends with Enter, breaks lines with Shift+Enter, and never sends nothing", async () => {
    await aliceChat.field.fill("   ");
    await aliceChat.field.press("Enter");
    expect(await aliceChat.sendButton.isDisabled()).toBe(true);
    await aliceChat.field.fill("first line");
    await aliceChat.field.press("Shift+Enter");
    await aliceChat.field.pressSequentially("second line");
    expect(await aliceChat.field.inputValue()).toBe("first line\nsecond line");
    await aliceChat.field.fill("");
  });

  it("stays at the newest message, lets one read further up in peace, and returns when one writes", async () => {
    await aliceChat.ask("Remember that the hall has 40 seats");
    await aliceChat.ask("Remember that the tickets are sold out");
    await aliceChat.send("List my notes");
    await aliceChat.liveText.waitFor();
    await expect.poll(() => aliceChat.distanceFromEnd()).toBeLessThan(30);
    await aliceChat.conversation.hover();
    await alice.page.mouse.wheel(0, -2_000);
    await expect.poll(() => aliceChat.distanceFromEnd()).toBeGreaterThan(100);
    await aliceChat.replyAfter(4);
    expect(await aliceChat.distanceFromEnd()).toBeGreaterThan(100);
    await alice.page.getByRole("button", { name: "Go to the newest message" }).click();
    await expect.poll(() => aliceChat.distanceFromEnd()).toBeLessThan(30);
    await alice.page.mouse.wheel(0, -2_000);
    await expect.poll(() => aliceChat.distanceFromEnd()).toBeGreaterThan(100);
    await aliceChat.ask("What do you know about tickets?");
    await expect.poll(() => aliceChat.distanceFromEnd()).toBeLessThan(30);
  });

  it("refuses a text that is too long before it is sent, and shows how much too long", async () => {
    const messages = await aliceChat.ownMessages.count();
    await aliceChat.field.fill("x".repeat(128 * 1024 + 1));
    await alice.page.getByText("too long for one message").waitFor();
    expect(await aliceChat.sendButton.isDisabled()).toBe(true);
    await aliceChat.field.press("Enter");
    expect(await aliceChat.ownMessages.count()).toBe(messages);
    await aliceChat.field.fill("");
  });

  it("sends files that were attached, and saves what the agent hands over", async () => {
    const replies = await aliceChat.replies.count();
    await aliceChat.attach({ name: "red dot.png", mimeType: "image/png", buffer: PICTURE });
    await aliceChat.drop("setup.exe", "not today");
    await aliceChat.drop("dropped.txt", "by hand");
    await aliceChat.pendingFiles.filter({ hasText: "Programs are not taken." }).waitFor();
    await alice.page.getByRole("button", { name: "Remove setup.exe" }).click();
    await alice.page.getByRole("button", { name: "Remove dropped.txt" }).click();
    await expect.poll(() => aliceChat.pendingFiles.count()).toBe(1);
    await alice.page.locator('[data-testid="pending-file"][data-state="ready"]').waitFor();
    await aliceChat.send("Send it back");
    await expect.poll(() => aliceChat.pendingFiles.count()).toBe(0);
    expect(await aliceChat.replyAfter(replies)).toMatch(/Here you are: 1 file[^]*red dot\.png/);

    const sent = aliceChat.ownMessages.last();
    const handedOver = aliceChat.replies.nth(replies);
    for (const message of [sent, handedOver]) {
      const { name, content } = await aliceChat.download(message.getByRole("link", { name: "Download red dot.png" }));
      expect([name, content.equals(PICTURE)]).toEqual(["red dot.png", true]);
      const preview = message.getByRole("link", { name: "Open red dot.png" }).locator("img");
      await expect.poll(() => preview.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(1);
    }
  });

  it("stops an answer while it is written, and goes on with what waits", async () => {
    const [replies, messages] = [await aliceChat.replies.count(), await aliceChat.ownMessages.count()];
    await aliceChat.send("Tell me all of this again: ".padEnd(600, "on and on and "));
    await aliceChat.liveText.waitFor();
    await aliceChat.send("List my notes");
    await aliceChat.send("This is not sent after all");
    const waiting = aliceChat.ownMessages.filter({ hasText: "This is not sent after all" });
    await waiting.getByRole("button", { name: "Cancel", exact: true }).click();
    await waiting.waitFor({ state: "detached" });
    await alice.page.getByRole("button", { name: "Stop", exact: true }).click();
    await alice.page.getByText("This message was canceled.").waitFor();
    expect(await aliceChat.replyAfter(replies)).toContain("launch is on Friday");
    expect(await aliceChat.replies.count()).toBe(replies + 1);
    expect(await aliceChat.ownMessages.count()).toBe(messages + 2);
  });

  it("keeps what is sent while the line is cut, and sends it once when the line is back", async () => {
    const replies = await aliceChat.replies.count();
    system.line.cut();
    await alice.page.getByText("The connection is lost").waitFor();
    await aliceChat.send("Remember that the rehearsal is on Thursday");
    await alice.page.getByText("Sending…").waitFor();
    await alice.page.getByText("1 change will be sent").waitFor();
    system.line.mend();
    expect(await aliceChat.replyAfter(replies)).toContain("rehearsal is on Thursday");
    await alice.page.getByText("The connection is lost").waitFor({ state: "detached" });
    expect(await aliceChat.ownMessages.filter({ hasText: "rehearsal" }).count()).toBe(1);
    alice.forgiveErrors(CUT_LINE);
    bob.forgiveErrors(CUT_LINE);
  });

  it("tells that a machine was lost, and shows one answer all the same", async () => {
    const replies = await aliceChat.replies.count();
    await aliceChat.send("What do you know about the rehearsal?");
    await aliceChat.liveText.waitFor();
    const [busy] = (await listWorkers(system.stack)).filter(({ load }) => load > 0);
    system.stack.fly.crash(busy!.machineId!);
    // A worker that fell silent is given up after three missed heartbeats.
    await alice.page.getByText("Try 2").first().waitFor({ timeout: 100_000 });
    expect(await aliceChat.replyAfter(replies)).toContain("rehearsal is on Thursday");
    expect(await aliceChat.replies.count()).toBe(replies + 1);
    expect(await aliceChat.ownMessages.filter({ hasText: "What do you know about the rehearsal?" }).count()).toBe(1);
  }, 180_000);

  it("says so when the browser is offline", async () => {
    await alice.context.setOffline(true);
    system.line.cut();
    await alice.page.getByText("You are offline.").waitFor();
    system.line.mend();
    await alice.context.setOffline(false);
    await alice.page.getByText("Live", { exact: true }).waitFor();
    alice.forgiveErrors(/ERR_INTERNET_DISCONNECTED/);
    alice.forgiveErrors(CUT_LINE);
  });
});

describe("another visitor", () => {
  it("has an agent of their own, and sees nothing of the first one's", async () => {
    await bobChat.open(system.chatUrl);
    await bob.page.getByText("Say something to your agent").waitFor();
    expect(await bobChat.ask("List my notes")).not.toContain("launch");
  });

  it("cannot read or write what is the first one's by claiming to be them", async () => {
    const http = new ConvexHttpClient(system.stack.cloudUrl, { logger: false });
    const { token } = await http.action(api.session.startSession, { sessionSecret: await secretOf(bob) });
    const own = await http.action(api.session.startSession, { sessionSecret: await secretOf(alice) });
    http.setAuth(token);
    const target = { consumerUserId: own.userId, agentKey: "default" };
    const forbidden = { data: { kind: "forbidden" } };
    await expect(http.query(api.agentFactory.getConversationViewForUserAgent, target)).rejects.toMatchObject(forbidden);
    await expect(http.query(api.agentFactory.listSnapshotsForUserAgent, target)).rejects.toMatchObject(forbidden);
    await expect(
      http.mutation(api.agentFactory.sendMessageToUserAgent, { ...target, content: "let me in" }),
    ).rejects.toMatchObject(forbidden);
    await expect(http.query(api.agentFactory.listWorkers, {})).rejects.toMatchObject(forbidden);
  });

  it("can use the page on a narrow screen", async () => {
    const { scrollWidth, clientWidth } = await bob.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return { scrollWidth, clientWidth };
    });
    expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
    expect(await bobChat.sendButton.isVisible()).toBe(true);
  });
});

describe("the fleet", () => {
  it("is closed to those who do not know the operator code", async () => {
    const fleet = new FleetPage(bob.page);
    await fleet.open(system.fleetUrl);
    await fleet.codeField.fill("not the code");
    await fleet.codeField.press("Enter");
    await bob.page.getByText("does not accept this code").waitFor();
    expect(await fleet.workers.count()).toBe(0);
  });

  it("takes the code from the address and leaves no trace of it there", async () => {
    const fleet = new FleetPage(bob.page);
    await fleet.open(system.fleetUrl, system.stack.operatorCode);
    await fleet.title.waitFor();
    expect(bob.page.url()).toBe(system.fleetUrl);
    await bob.page.reload();
    await fleet.title.waitFor();
  });

  it("shows a machine start, work and its load, while one watches", async () => {
    const fleet = new FleetPage(bob.page);
    const active = fleet.workersIn("active");
    await active.first().waitFor();
    const before = await active.count();
    const carol = await newVisitor(system.browser);
    try {
      const carolChat = new ChatPage(carol.page);
      await carolChat.open(system.chatUrl);
      await carolChat.send("Remember that the venue is the old theater");
      await fleet.workersIn("starting").first().waitFor();
      await carolChat.replyAfter(0);
      await active.nth(before).waitFor();
      expect(await fleet.tile("Machines")).toBeGreaterThanOrEqual(before + 1);
      expect(await fleet.tile("Answered")).toBeGreaterThanOrEqual(4);
      expect(carol.errors).toEqual([]);
    } finally {
      await carol.close();
    }
  });

  it("reconciles and recovers on request, and says what came of it", async () => {
    await bob.page.getByRole("button", { name: "Reconcile now" }).click();
    await bob.page.getByText(/^Reconciled: /).waitFor();
    await bob.page.getByRole("button", { name: "Recover queue" }).click();
    await bob.page.getByText("Nothing was stuck.").waitFor();
  });

  it("gives the operator's role back", async () => {
    await bob.page.getByRole("button", { name: "Leave" }).click();
    await new FleetPage(bob.page).codeField.waitFor();
  });
});

describe("the pictures of the README", () => {
  it.each([
    ["console-chat.png", pictureOfChat],
    ["console-fleet.png", pictureOfFleet],
  ])("%s can be taken from the running system", async (name, take) => {
    const image = await take(system);
    // A blank page of this size compresses to a few KB.
    expect(image.length).toBeGreaterThan(50_000);
    await keepPicture(name, image);
  });
});

/** The secret that is a visitor's identity, from where the page keeps it. */
async function secretOf(visitor: Visitor): Promise<string> {
  const secret = await visitor.page.evaluate(() => localStorage.getItem("agent-factory.session-secret"));
  if (secret === null) throw new Error("The page has stored no session secret.");
  return secret;
}
