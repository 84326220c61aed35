/** The chat page as its visitor uses it: found by what it says and does, not by how it is built. */
import { readFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";

export class ChatPage {
  readonly field: Locator;
  readonly sendButton: Locator;
  readonly replies: Locator;
  readonly liveText: Locator;
  readonly ownMessages: Locator;
  /** Files beside the message that is being written. */
  readonly pendingFiles: Locator;
  /** The part of the page that scrolls. */
  readonly conversation: Locator;

  constructor(readonly page: Page) {
    this.field = page.getByRole("textbox", { name: "Message to your agent" });
    this.sendButton = page.getByRole("button", { name: "Send", exact: true });
    this.replies = page.getByRole("article", { name: "Your agent", exact: true });
    this.liveText = page.getByTestId("live-text");
    this.pendingFiles = page.getByTestId("pending-file");
    this.conversation = page.getByRole("region", { name: "Conversation" });
    this.ownMessages = page.getByRole("article", { name: "You", exact: true });
  }

  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.field.waitFor();
    await this.page.getByText("Live", { exact: true }).waitFor();
  }

  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  async attach(...files: { name: string; mimeType: string; buffer: Buffer }[]): Promise<void> {
    const choice = this.page.waitForEvent("filechooser");
    await this.page.getByRole("button", { name: "Attach files" }).click();
    await (await choice).setFiles(files);
  }

  /** Drops a file on the conversation, as a hand does that holds it. */
  async drop(name: string, content: string): Promise<void> {
    const held = await this.page.evaluateHandle(
      ([fileName, text]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([text ?? ""], fileName ?? ""));
        return transfer;
      },
      [name, content],
    );
    for (const type of ["dragenter", "dragover", "drop"]) {
      await this.field.dispatchEvent(type, { dataTransfer: held });
    }
  }

  /** Clicks a file of the conversation and returns what the browser has saved, and under which name. */
  async download(card: Locator): Promise<{ name: string; content: Buffer }> {
    const saved = this.page.waitForEvent("download");
    await card.click();
    const download = await saved;
    return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
  }

  /** Sends and waits for the answer; returns it. */
  async ask(text: string): Promise<string> {
    const before = await this.replies.count();
    await this.send(text);
    return await this.replyAfter(before);
  }

  async replyAfter(count: number): Promise<string> {
    const reply = this.replies.nth(count);
    await reply.waitFor();
    return await reply.innerText();
  }

  /** How far the newest of the conversation is below what one sees, in pixels. */
  async distanceFromEnd(): Promise<number> {
    return await this.conversation.evaluate(
      (element) => element.scrollHeight - element.scrollTop - element.clientHeight,
    );
  }

  /** Notes, from now on, every text that the running answer shows; call the result to read them. */
  async recordLiveText(): Promise<() => Promise<string[]>> {
    const notes = await this.page.evaluateHandle(() => {
      const seen: string[] = [];
      const note = () => {
        const text = document.querySelector('[data-testid="live-text"]')?.textContent ?? "";
        if (text !== "" && text !== seen.at(-1)) seen.push(text);
      };
      new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
      return seen;
    });
    return async () => await notes.jsonValue();
  }
}
