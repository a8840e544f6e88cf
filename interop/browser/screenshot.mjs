// A lively chat for the README: three people talk, one of them is looked over the shoulder.

import { setTimeout as sleep } from "node:timers/promises";

import { until } from "./checks.mjs";
import { Tab } from "./tab.mjs";

const VIEWPORT = { width: 1280, height: 800 };
const SPARK_MS = 14_000;
const TALK = [
  ["Grace", "Is this really one TCP connection per tab?"],
  ["Ada", "One each. The panel on the right shows every frame the server saw on mine."],
  ["Lin", "卡里克结 🪢 works, so UTF-8 is fine"],
  ["Lin", "and <script>alert(1)</script> is just text"],
  ["Grace", "My tab was asleep for an hour. It reconnected by itself."],
  ["Ada", "Jittered backoff. Press Close and it tells you the code, too."],
  ["Grace", "1000 normal closure. Lovely."],
  ["Ada", "over, under, over 🪢"],
];

/** Shows Ada's tab after a short talk; takes no part in the checks that follow. */
export async function takeScreenshot(browser, url, { screenshot, scheme }) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: VIEWPORT, colorScheme: scheme });
  const tabs = {};
  for (const name of ["Ada", "Grace", "Lin"]) {
    tabs[name] = await Tab.open(context, url, name);
    await tabs[name].reaches("open");
    await tabs[name].rename(name);
    await until(`${name} is named`, () => tabs[name].members(), (members) => members.includes(name));
  }
  const started = Date.now();
  for (const [name, text] of TALK) {
    await tabs[name].say(text);
    await tabs.Ada.hears(text);
    await sleep(300);
  }
  await tabs.Ada.echo({ text: "over, under, over" });
  await tabs.Ada.echo({ bytes: 65536 });
  await sleep(Math.max(0, SPARK_MS - (Date.now() - started)));
  await tabs.Ada.page.screenshot({ path: screenshot });
  await context.close();
}
