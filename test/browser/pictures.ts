/** Takes the pictures of the README from the running system: what they show has happened. */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { drainFleet } from "../../dev/demo/fleet.js";
import { api } from "../../example/convex/_generated/api.js";
import { newVisitor, type Visitor } from "./browser.js";
import { ChatPage } from "./chat-page.js";
import { MAX_MACHINES, type ConsoleSystem } from "./console-system.js";
import { FleetPage } from "./fleet-page.js";

const IMAGES = new URL("../../docs/images/", import.meta.url);
const PICTURE = { width: 1280, height: 800, deviceScaleFactor: 2 };

/** The chart needs some minutes' worth of change in half a minute: turns follow one another this fast. */
const PAUSE_BETWEEN_TURNS_MS = 4_000;

/** A conversation with an answer that is being written and a message that waits for its turn. */
export async function pictureOfChat(system: ConsoleSystem): Promise<Buffer> {
  const visitor = await newVisitor(system.browser, { ...PICTURE, colorScheme: "light" });
  try {
    const chat = new ChatPage(visitor.page);
    await chat.open(system.chatUrl);
    await chat.ask("Remember that the launch is on Friday at ten");
    await chat.ask("Remember to book the old theater for the rehearsal");
    await chat.send("What do you know about the launch?");
    await chat.send("And list my notes");
    await visitor.page.waitForFunction(
      () => (document.querySelector('[data-testid="live-text"]')?.textContent ?? "").length > 40,
    );
    return await picture(visitor.page);
  } finally {
    await visitor.close();
  }
}

/** Three users at work, a fourth whose machine is starting; those of earlier tests have gone. */
export async function pictureOfFleet(system: ConsoleSystem): Promise<Buffer> {
  await drainFleet(system.stack);
  await system.stack.operator.mutation(api.agentFactory.setScalingPolicy, {
    scalingPolicy: { maxWorkers: MAX_MACHINES },
  });
  const operator = await newVisitor(system.browser, { ...PICTURE, height: 980, colorScheme: "dark" });
  const users: Visitor[] = [];
  const join = async (): Promise<ChatPage> => {
    const user = await newVisitor(system.browser);
    users.push(user);
    const chat = new ChatPage(user.page);
    await chat.open(system.chatUrl);
    return chat;
  };
  try {
    const fleet = new FleetPage(operator.page);
    await fleet.open(system.fleetUrl, system.stack.operatorCode);
    await fleet.title.waitFor();
    const chats: ChatPage[] = [];
    for (const note of ["Remember the milk", "Remember that Ada was first", "Remember to call Grace"]) {
      const chat = await join();
      chats.push(chat);
      await chat.ask(note);
      await operator.page.waitForTimeout(PAUSE_BETWEEN_TURNS_MS);
    }
    for (const chat of chats) await chat.send("List my notes");
    await operator.page.waitForTimeout(PAUSE_BETWEEN_TURNS_MS);
    const [first, second] = chats;
    await first?.send("What do you know about milk?");
    await second?.send("What do you know about Ada?");
    const late = await join();
    await late.send("Remember that I was late");
    await fleet.workersIn("starting").first().waitFor();
    return await picture(operator.page);
  } finally {
    for (const visitor of [operator, ...users]) await visitor.close();
  }
}

/** With `UPDATE_PICTURES=1`, replaces the README's picture. */
export async function keepPicture(name: string, image: Buffer): Promise<void> {
  if (process.env["UPDATE_PICTURES"] !== "1") return;
  await mkdir(IMAGES, { recursive: true });
  await writeFile(fileURLToPath(new URL(name, IMAGES)), image);
}

async function picture(page: Page): Promise<Buffer> {
  // A blinking caret and breathing dots are as visible as they get.
  return await page.screenshot({ animations: "allow", caret: "hide" });
}
