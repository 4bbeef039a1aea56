// Uses examples/notes.html as two people and a stranger would, in a headless browser, and says what each saw.
//   node notes-app.mjs URL ANON_KEY PAGE FOLDER_FOR_PICTURES
import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

const [url, key, page, pictures] = process.argv.slice(2);
const installed = process.env.CHROMIUM_PATH;
const browser = await playwright.launch({
  executablePath: installed || (await chromium.executablePath()),
  args: [...(installed ? [] : chromium.args), "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  headless: true,
});
const address = `${page}?url=${encodeURIComponent(url)}&key=${encodeURIComponent(key)}`;
const errors = [];

async function open() {
  const tab = await (await browser.newContext({ viewport: { width: 640, height: 560 } })).newPage();
  tab.on("pageerror", (error) => errors.push(String(error)));
  await tab.goto(address);
  return tab;
}
async function sign(tab, email, how) {
  await tab.fill("#email", email);
  await tab.fill("#password", "long enough");
  await tab.click(`button[value=${how}]`);
}
const bodies = (tab) => tab.locator("#list li span").allTextContents();
const live = (tab) => tab.locator("#status.live").waitFor({ timeout: 15000 });

try {
  const email = `ann-${Date.now()}@example.com`;
  const first = await open();
  await sign(first, email, "in");
  await first.locator("#error:not(:empty)").waitFor();
  const refused = await first.locator("#error").textContent();
  await sign(first, email, "up");
  await live(first);
  const second = await open();
  await sign(second, email, "in");
  await live(second);
  const stranger = await open();
  await sign(stranger, `bob-${Date.now()}@example.com`, "up");
  await live(stranger);

  await first.fill("#body", "call the plumber <b>now</b>");
  await first.click("#add button");
  await second.getByText("call the plumber").waitFor();
  const added = await bodies(second);
  await second.locator("#list input").check();
  await first.locator("#list li.done").waitFor();
  await first.screenshot({ path: `${pictures}/notes.png` });
  await second.fill("#body", "second");
  await second.click("#add button");
  await first.getByText("second").waitFor();
  await first.locator("#list li", { hasText: "plumber" }).getByText("Delete").click();
  await second.getByText("plumber").waitFor({ state: "detached" });
  const left = await bodies(second);
  // KF9: headers of the page's own, to every prefix of another origin
  const custom = await first.evaluate(async ([url, key]) => {
    const headers = { apikey: key, "x-my-header": "1", "X-Trace-Parent-Of-Mine": "2" };
    const paths = ["/rest/v1/notes?limit=1", "/auth/v1/settings", "/realtime/v1/api/broadcast"];
    return Promise.all(paths.map((path) => fetch(url + path, {
      headers, ...(path.endsWith("broadcast") ? { method: "POST", body: '{"messages":[]}' } : {}),
    }).then((answer) => answer.status, String)));
  }, [url, key]);
  const seen = await bodies(stranger);
  await first.click("#sign-out");
  await first.locator("#sign-in").waitFor();
  await first.screenshot({ path: `${pictures}/sign-in.png` });
  console.log(JSON.stringify({ refused, added, left, seen, custom, errors }));
} finally {
  await browser.close();
}
