// One browser tab with the page in it, driven as a person would drive it.

import { until } from "./checks.mjs";

export class Tab {
  /** Whatever the browser complained about: console errors, policy violations, failed requests. */
  complaints = [];
  /** What the page is made of, as it was served. */
  responses = [];

  constructor(page, label) {
    this.page = page;
    this.label = label;
    const complain = (text) => this.complaints.push(`${label}: ${text}`);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complain(message.text()));
    page.on("pageerror", (error) => complain(error.message));
    page.on("requestfailed", (request) => complain(`${request.url()} ${request.failure()?.errorText}`));
    page.on("response", (response) => {
      this.responses.push(response);
      if (response.status() >= 400) complain(`${response.url()} ${response.status()}`);
    });
  }

  static async open(context, url, label, prepare = async () => {}) {
    const page = await context.newPage();
    page.setDefaultTimeout(8_000);
    const tab = new Tab(page, label);
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy: ${event.violatedDirective} blocked ${event.blockedURI}`);
      });
    });
    await prepare(page);
    await page.goto(url, { waitUntil: "load" });
    return tab;
  }

  state() {
    return this.page.locator("#state").getAttribute("data-state");
  }

  stateWords() {
    return this.page.locator(".state-words").innerText();
  }

  reaches(state) {
    return until(`${this.label} is ${state}`, () => this.state(), (now) => now === state, 12_000);
  }

  members() {
    return this.page.locator("#members .member").allInnerTexts();
  }

  facts() {
    return this.page.locator("#facts li").allInnerTexts();
  }

  ownName() {
    return this.page.locator("#name").inputValue();
  }

  async rename(name) {
    await this.page.locator("#name").fill(name);
    await this.page.locator("#name").press("Enter");
  }

  async say(text) {
    await this.page.locator("#text").fill(text);
    await this.page.locator("#text").press("Enter");
  }

  async hears(text) {
    const words = this.page.locator(".said .words");
    await until(`${this.label} reads ${text}`, () => words.allTextContents(), (all) => all.includes(text));
  }

  /** Waits for a row of the frame inspector in which each of these words is one item, and returns the row. */
  async listsFrame(...words) {
    const rows = this.page.locator("#frame-rows tr");
    const items = (found) => found.map((row) => [...row.querySelectorAll("td:not(:has(span)), span")].map((item) => item.textContent));
    const matches = (row) => words.every((word) => row.includes(word));
    const all = await until(`${this.label} lists ${words.join(" ")}`, () => rows.evaluateAll(items), (all) => all.some(matches));
    return all.find(matches).join(" ");
  }

  /** Sends through the echo panel and returns what the newest line says. */
  async echo({ text, bytes }) {
    const lines = this.page.locator("#echoes li");
    if (text === undefined) {
      await this.page.getByText("Binary", { exact: true }).click();
      await this.page.locator("#echo-bytes").selectOption(String(bytes));
    } else {
      await this.page.getByText("Text", { exact: true }).click();
      await this.page.locator("#echo-text").fill(text);
    }
    const length = bytes ?? Buffer.byteLength(text);
    const kind = text === undefined ? "binary" : "text";
    const start = `${kind} · ${length.toLocaleString("en")} byte`;
    await this.page.locator("#echo button").click();
    const line = await until(`${this.label} echoes ${start}`, async () => (await lines.allInnerTexts())[0] ?? "", (line) => line.startsWith(start));
    return line.replaceAll("\n", " ");
  }
}
