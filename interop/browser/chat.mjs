// usage: node chat.mjs URL [--expect-http VERSION] [--screenshot FILE [--scheme light|dark]]
//
// Opens the page of `carrick serve` at URL in Chromium (env CHROMIUM, default /usr/bin/chromium), chats between
// two tabs and checks what both show. An https URL may have a certificate that nobody signed. VERSION is HTTP/1.1,
// HTTP/2 or HTTP/3: what the page and its sockets have to be carried by. Only with HTTP/3 the browser may speak QUIC.
// Exit code: 0 when every check passed, 1 when one failed, 2 when the call was wrong.

import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

import { Checks, equal, until } from "./checks.mjs";
import { http3Flags } from "./http3.mjs";
import { takeScreenshot } from "./screenshot.mjs";
import { Tab } from "./tab.mjs";

const WHOLE_RUN_MS = 120_000;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
// What the browser calls the version with which it has loaded a page.
const PAGE_HTTP = { "HTTP/1.1": /^http\/1\.1$/i, "HTTP/2": /^(h2|HTTP\/2\.0)$/, "HTTP/3": /^h3$/ };
// So long Chromium waits for the server to end the stream behind the close handshake, and then ends it itself.
const STREAM_END_MS = 2_000;
const MAX_PAGE_BYTES = 60_000;
// The server keeps a history, so what an earlier run said must not pass for what this one says.
const RUN = ` ~${Date.now().toString(36)}`;
const MARKUP = '<script>alert("over")</script><img src=x onerror=alert(1)> & "quotes"';

const { url, options } = readArguments();
setTimeout(() => {
  console.log(`FAILED  the whole run took longer than ${WHOLE_RUN_MS / 1000} s`);
  process.exit(1);
}, WHOLE_RUN_MS).unref();

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [...FLAGS, ...(options["expect-http"] === "HTTP/3" ? await http3Flags(url) : ["--disable-quic"])],
  headless: true,
});
const checks = new Checks();
try {
  if (options.screenshot) {
    await checks.check(`screenshot in ${options.screenshot}`, () => takeScreenshot(browser, url, options));
  }
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const tabs = [await Tab.open(context, url, "tab A"), await Tab.open(context, url, "tab B")];
  await checkServing(tabs[0]);
  await checkOpening(...tabs);
  await checkChat(...tabs);
  await checkReports(...tabs);
  await checkEcho(tabs[0]);
  await checkClosing(...tabs);
  tabs.push(await checkReconnecting(context));
  await checkPhone(...tabs);
  await checks.check("no console error, no policy violation, no failed request", async () => {
    const complaints = tabs.flatMap((tab) => tab.complaints);
    if (complaints.length) throw new Error(complaints.join(" | "));
  });
} catch (error) {
  await checks.check("the run goes on to its end", () => Promise.reject(error));
} finally {
  await browser.close();
}
process.exit(checks.finish());

async function checkServing(tab) {
  await checks.check("the page is small and comes from one host under a strict policy", async () => {
    const responses = [...tab.responses];
    const bodies = await Promise.all(responses.map((response) => response.body()));
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    if (bytes > MAX_PAGE_BYTES) throw new Error(`${bytes} bytes, limit is ${MAX_PAGE_BYTES}`);
    for (const response of responses) equal("host", new URL(response.url()).host, new URL(url).host);
    const policy = responses[0].headers()["content-security-policy"] ?? "";
    if (!policy.includes("default-src 'none'") || policy.includes("unsafe")) throw new Error(`policy: ${policy}`);
    return `${responses.length} files, ${bytes} bytes`;
  });
  if (options["expect-http"]) {
    await checks.check(`the page itself comes over ${options["expect-http"]}`, async () => {
      const versions = new Set(await Promise.all(tab.responses.map((response) => response.httpVersion())));
      for (const version of versions) {
        if (!PAGE_HTTP[options["expect-http"]].test(version)) throw new Error(`a file came over ${version}`);
      }
      return [...versions].join(", ");
    });
  }
}

async function checkOpening(a, b) {
  await checks.check("tab A opens", () => a.reaches("open").then(() => {}));
  await checks.check("tab B opens", () => b.reaches("open").then(() => {}));
  await checks.check("each tab has a name of its own", async () => {
    const names = [await until("name of A", () => a.ownName()), await until("name of B", () => b.ownName())];
    if (names[0] === names[1]) throw new Error(`both are ${names[0]}`);
    return names.join(", ");
  });
  await checks.check("each tab lists the other", async () => {
    const [nameA, nameB] = [await a.ownName(), await b.ownName()];
    await until("members in A", () => a.members(), (members) => members.includes(nameB));
    await until("members in B", () => b.members(), (members) => members.includes(nameA));
  });
  await checks.check("the page says what carries the socket", async () => {
    const [http, scheme, ...rest] = await until("facts", () => a.facts(), (facts) => facts.length >= 4);
    equal("scheme", scheme, url.startsWith("https:") ? "wss" : "ws");
    if (!/^HTTP\/(1\.1|2|3)$/.test(http)) throw new Error(`carried by ${http}`);
    if (options["expect-http"]) equal("carried by", http, options["expect-http"]);
    return [http, scheme, ...rest].join(", ");
  });
}

async function checkChat(a, b) {
  const both = async (from, to, text) => {
    await from.say(text + RUN);
    await Promise.all([from.hears(text + RUN), to.hears(text + RUN)]);
  };
  await checks.check("what A says appears in B", () => both(a, b, "hello from A"));
  await checks.check("what B says appears in A", () => both(b, a, "hello from B"));
  await checks.check("emoji and joined emoji", () => both(a, b, "knots 🪢 and families 👩‍👩‍👧‍👦 🇨🇭"));
  await checks.check("Chinese, Arabic and combining marks", () => both(b, a, "卡里克结 مرحبا e\u0301"));
  await checks.check("markup is shown, not run", async () => {
    for (const tab of [a, b]) tab.page.on("dialog", (dialog) => { tab.complaints.push("a dialog opened"); dialog.dismiss(); });
    await both(a, b, MARKUP);
    for (const tab of [a, b]) equal("elements in messages", await tab.page.locator(".words *").count(), 0);
  });
  await checks.check("2000 characters pass", () => both(a, b, "縄".repeat(2000 - RUN.length)));
  await checks.check("40 messages keep their order", async () => {
    const sent = Array.from({ length: 40 }, (_, i) => `message ${i}${RUN}`);
    for (const text of sent) await a.say(text);
    await b.hears(sent.at(-1));
    const seen = (await b.page.locator(".said .words").allTextContents()).slice(-sent.length);
    equal("order", seen.join(), sent.join());
  });
  await checks.check("a new name is seen by the other", async () => {
    await b.rename("Бо 🪢");
    await until("members in A", () => a.members(), (members) => members.includes("Бо 🪢"));
    await until("members in B", () => b.members(), (members) => members.includes("Бо 🪢"));
    await b.say(`under my new name${RUN}`);
    await until("the author in A", () => a.page.locator(".said .who b").last().textContent(), (name) => name === "Бо 🪢");
  });
  await checks.check("a name that is markup is shown, not run", async () => {
    await a.rename("<b>A</b>");
    await until("members in B", () => b.members(), (members) => members.includes("<b>A</b>"));
    await a.rename("Ada");
    await until("members in B", () => b.members(), (members) => members.includes("Ada"));
  });
  await checks.check("a tab keeps its name over a reload and sees the history", async () => {
    await b.page.reload({ waitUntil: "load" });
    await b.reaches("open");
    await until("members in A", () => a.members(), (members) => members.filter((name) => name === "Бо 🪢").length === 1);
    await until("name in B", () => b.ownName(), (name) => name === "Бо 🪢");
    await b.hears(`under my new name${RUN}`);
    await until("the other in B", () => b.members(), (members) => members.includes("Ada"));
  });
}

async function checkReports(a, b) {
  await checks.check("the server saw masked text coming in", () => a.listsFrame("in", "text", "FIN", "mask"));
  await checks.check("the server saw unmasked text going out", async () => {
    const row = await b.listsFrame("out", "text", "FIN");
    if (row.includes("mask")) throw new Error(`masked: ${row}`);
    return row;
  });
  await checks.check("pings and pongs are listed when asked for", async () => {
    await a.page.locator("#hide-control").uncheck();
    await a.listsFrame("out", "ping");
    await a.listsFrame("in", "pong", "mask");
    await a.page.locator("#frame-rows [data-opcode=ping]").first().waitFor({ state: "visible" });
    await a.page.locator("#hide-control").check();
    await a.page.locator("#frame-rows [data-opcode=ping]").first().waitFor({ state: "hidden" });
  });
  await checks.check("a round trip is measured and drawn", async () => {
    const shown = await until("round trip", () => a.page.locator("#round-trip").innerText(), (text) => Number(text) >= 0);
    await until("line", () => a.page.locator("#spark-line").getAttribute("d"), (line) => line?.includes("L"));
    return `${shown} ms`;
  });
  await checks.check("the counters count", async () => {
    const read = (id) => async () => Number((await a.page.locator(id).innerText()).replaceAll(",", ""));
    const before = await until("messages received", read("#received-messages"), (n) => n >= 40);
    await a.say("one more");
    await until("messages received", read("#received-messages"), (n) => n === before + 1);
    for (const id of ["#received-frames", "#received-bytes", "#sent-messages", "#sent-frames", "#sent-bytes"]) {
      await until(id, read(id), (n) => n > 0);
    }
  });
}

async function checkEcho(tab) {
  const cases = [{ text: "over, under" }, { text: "縄 🪢 \u0000 end" }, { bytes: 5 }, { bytes: 126 }, { bytes: 65536 }, { bytes: 1000000 }];
  for (const sent of cases) {
    const what = sent.text === undefined ? `${sent.bytes} bytes` : JSON.stringify(sent.text);
    await checks.check(`the echo of ${what} is identical`, async () => {
      const line = await tab.echo(sent);
      if (!line.endsWith("identical")) throw new Error(line);
      return line;
    });
  }
}

async function checkClosing(a, b) {
  await checks.check("Close closes with 1000 and stays closed", async () => {
    const began = performance.now();
    await b.page.locator("#close").click();
    await b.reaches("closed");
    const took = Math.round(performance.now() - began);
    if (took >= STREAM_END_MS) throw new Error(`${took} ms: the server has not ended its stream`);
    if (!(await b.stateWords()).includes("1000 normal closure")) throw new Error(await b.stateWords());
    await until("members in A", () => a.members(), (members) => !members.includes("Бо 🪢"));
    equal("Send is off", await b.page.locator("#say").isDisabled(), true);
    equal("state", await b.state(), "closed");
    return `${(await b.stateWords()).replaceAll("\n", " ")}, after ${took} ms`;
  });
  await checks.check("Reconnect opens again under the same name", async () => {
    await b.page.locator("#reconnect").click();
    await b.reaches("open");
    await until("members in A", () => a.members(), (members) => members.includes("Бо 🪢"));
    await b.say(`back again${RUN}`);
    await a.hears(`back again${RUN}`);
  });
}

/** A third tab, whose socket runs through a hand that can cut it. Returns the tab. */
async function checkReconnecting(context) {
  const routes = [];
  let refuse = false;
  const tab = await Tab.open(context, url, "tab C", (page) =>
    page.routeWebSocket(/\/chat$/, (route) => {
      routes.push(route);
      if (refuse) route.close({ code: 1013, reason: "not now" });
      else route.connectToServer();
    }));
  await checks.check("a lost connection comes back by itself", async () => {
    await tab.reaches("open");
    await routes.at(-1).close({ code: 1012, reason: "restarting" });
    await tab.reaches("waiting");
    const words = (await tab.stateWords()).replaceAll("\n", " ");
    if (!/reconnecting in \d+\.\d s · 1012 service restart: restarting/.test(words)) throw new Error(words);
    await tab.reaches("open");
    equal("connections", routes.length, 2);
    return words;
  });
  await checks.check("the delay grows while the server refuses, and Close ends it", async () => {
    refuse = true;
    await routes.at(-1).close({ code: 1011 });
    await until("attempts", () => routes.length, (n) => n >= 4, 12_000);
    await until("delay", async () => Number(/in (\d+\.\d) s/.exec(await tab.stateWords())?.[1] ?? 0), (seconds) => seconds > 1.5);
    await tab.page.locator("#close").click();
    await tab.reaches("closed");
    const attempts = routes.length;
    refuse = false;
    await tab.page.locator("#reconnect").click();
    await tab.reaches("open");
    equal("connections", routes.length, attempts + 1);
  });
  return tab;
}

async function checkPhone(a) {
  await checks.check("nothing overflows at 360 pixels", async () => {
    await a.page.setViewportSize({ width: 360, height: 740 });
    const { wide, room } = await a.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: innerWidth }));
    if (wide > room) throw new Error(`${wide} pixels wide in ${room}`);
  });
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { screenshot: { type: "string" }, scheme: { type: "string", default: "light" }, "expect-http": { type: "string" } },
    });
    if (positionals.length !== 1) throw new Error("one URL is needed");
    if (values["expect-http"] && !Object.hasOwn(PAGE_HTTP, values["expect-http"])) {
      throw new Error(`--expect-http is one of ${Object.keys(PAGE_HTTP).join(", ")}`);
    }
    if (!["light", "dark"].includes(values.scheme)) throw new Error("--scheme is light or dark");
    return { url: new URL(positionals[0]).href, options: values };
  } catch (error) {
    console.error(`${error.message}\nusage: node chat.mjs URL [--expect-http VERSION] [--screenshot FILE [--scheme light|dark]]`);
    process.exit(2);
  }
}
