import chromium from "@sparticuz/chromium";
import { type Browser, type BrowserContext, type Page, chromium as playwright } from "playwright-core";

/** The browser that is installed, else the one of the npm package. */
export async function openBrowser(): Promise<Browser> {
  const installed = process.env.CHROMIUM_PATH;
  return playwright.launch({
    executablePath: installed || (await chromium.executablePath()),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
    headless: true,
  });
}

export interface Tab {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What went wrong in it. */
  readonly errors: string[];
}

interface TabOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "dark" | "light";
  readonly locale?: string;
}

/** One person's tab: its own storage, its own session. */
export async function openTab(browser: Browser, url: string, options: TabOptions = {}): Promise<Tab> {
  const { width = 1440, height = 900, theme = "dark", locale = "en-US" } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // a connection that is cut on purpose is no error of the page
    if (message.type() === "error" && !/WebSocket|ERR_|Failed to load resource/.test(message.text())) {
      errors.push(message.text());
    }
  });
  await page.goto(url);
  return { context, page, errors };
}

/** One click, as the demo offers it. */
export async function signIn(page: Page, name: string): Promise<void> {
  await page.locator(".demo-user", { hasText: name }).first().click();
  await page.locator(".pill[data-connection=live]").waitFor({ timeout: 20_000 });
}
