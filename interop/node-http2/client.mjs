// usage: node client.mjs URL CASE…
//
// The WebSocket of undici over HTTP/2, with whatever certificate the server has. Its API has no pings and no fragments.

import { once } from "node:events";
import { Agent, WebSocket } from "undici";

import * as content from "../node/content.mjs";

const CASE_LIMIT_MS = 30_000;

async function run(websocket, name) {
  const closed = once(websocket, "close");
  await once(websocket, "open");
  for (const message of content.ECHOED[name] ?? []) content.expect(await answer(websocket, message), message, "echo");
  if (name === "subprotocol") content.expect(websocket.protocol, content.SUBPROTOCOL, "subprotocol");
  if (name === "deflate") content.expect(websocket.extensions.split(";")[0], "permessage-deflate", "extension");

  const wanted = content.askToClose(websocket, name);
  const [{ code, reason, wasClean }] = await closed;
  content.expect(`${code} ${reason} ${wasClean}`, `${wanted.join(" ")} true`, "close frame");
}

async function answer(websocket, message) {
  websocket.send(message);
  const [{ data }] = await once(websocket, "message");
  return typeof data === "string" ? data : Buffer.from(data);
}

const [url, ...names] = process.argv.slice(2);
for (const name of names) {
  const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
  try {
    const protocols = name === "subprotocol" ? ["chat.v2", content.SUBPROTOCOL] : [];
    const websocket = new WebSocket(`${url}/${name}`, { dispatcher, protocols });
    websocket.binaryType = "arraybuffer";
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error("took too long")), CASE_LIMIT_MS).unref();
      websocket.addEventListener("error", (event) => reject(event.error ?? new Error("the connection failed")));
    });
    await Promise.race([run(websocket, name), late]);
    console.log(`passed ${name}`);
  } catch (error) {
    console.log(`failed ${name}: ${error}`);
    process.exitCode = 1;
  }
  await dispatcher.destroy();
}
