/** The chat page as its visitor uses it: found by what it says and does, not by how it is built. */
import type { Locator, Page } from "playwright-core";

export class ChatPage {
  readonly field: Locator;
  readonly sendButton: Locator;
  readonly replies: Locator;
  readonly liveText: Locator;
  readonly ownMessages: Locator;
  /** The part of the page that scrolls. */
  readonly conversation: Locator;

  constructor(readonly page: Page) {
    this.field = page.getByRole("textbox", { name: "Message to your agent" });
    this.sendButton = page.getByRole("button", { name: "Send", exact: true });
    this.replies = page.getByRole("article", { name: "Your agent", exact: true });
    this.liveText = page.getByTestId("live-text");
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
