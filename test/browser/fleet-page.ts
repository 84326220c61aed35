/** The fleet page as an operator reads it. */
import type { Locator, Page } from "playwright-core";

export class FleetPage {
  readonly title: Locator;
  readonly workers: Locator;
  readonly codeField: Locator;

  constructor(readonly page: Page) {
    this.title = page.getByRole("heading", { name: "Fleet", exact: true });
    this.workers = page.getByTestId("worker");
    this.codeField = page.getByLabel("Operator code");
  }

  async open(url: string, operatorCode?: string): Promise<void> {
    await this.page.goto(operatorCode === undefined ? url : `${url}#operator=${operatorCode}`);
  }

  workersIn(status: string): Locator {
    return this.page.locator(`[data-testid="worker"][data-status="${status}"]`);
  }

  /** The number on a tile, such as "Machines". */
  async tile(name: string): Promise<number> {
    const value = await this.page
      .locator("dt", { hasText: name })
      .locator("xpath=..")
      .locator("dd > span")
      .first()
      .innerText();
    return Number(value.replaceAll(",", ""));
  }
}
