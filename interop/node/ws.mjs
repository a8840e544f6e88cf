// usage: node ws.mjs server | client URL CASE…

import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";

import * as content from "./content.mjs";
import { handle } from "./server-side.mjs";

const CASE_LIMIT_MS = 30_000;

function serve() {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: true,
    handleProtocols: (offered) => (offered.has(content.SUBPROTOCOL) ? content.SUBPROTOCOL : false),
  });
  server.on("listening", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
  server.on("connection", (websocket, request) => handle(websocket, request.url.slice(1)));
}

async function client(url, names) {
  for (const name of names) {
    try {
      const offered = name === "subprotocol" ? ["chat.v2", content.SUBPROTOCOL] : [];
      const websocket = new WebSocket(`${url}/${name}`, offered, { perMessageDeflate: true });
      await inTime(run(websocket, name));
      console.log(`passed ${name}`);
    } catch (error) {
      console.log(`failed ${name}: ${error}`);
      process.exitCode = 1;
    }
  }
}

async function run(websocket, name) {
  const closed = once(websocket, "close");
  const pings = [];
  const pongs = [];
  websocket.on("ping", (payload) => pings.push(payload.toString()));
  websocket.on("pong", (payload) => pongs.push(payload.toString()));
  await once(websocket, "open");

  for (const message of content.ECHOED[name] ?? []) content.expect(await answer(websocket, message), message, "echo");
  if (name === "fragments") {
    content.sendInFragments(websocket, content.MEBIBYTE);
    content.expect(await received(websocket), content.MEBIBYTE, "echo");
  } else if (name === "ping") {
    websocket.ping("from the client");
    content.expect(await answer(websocket, "first"), "first", "echo");
    content.expect(pings.join(), "from the server", "pings");
    content.expect(pongs.join(), "from the client", "pongs");
    content.expect(await answer(websocket, "next"), "pong seen", "answer");
  } else if (name === "subprotocol") {
    content.expect(websocket.protocol, content.SUBPROTOCOL, "subprotocol");
  }

  const wanted = content.askToClose(websocket, name);
  const [code, reason] = await closed;
  content.expect(`${code} ${reason}`, wanted.join(" "), "close frame");
}

function answer(websocket, message) {
  websocket.send(message);
  return received(websocket);
}

async function received(websocket) {
  const [data, isBinary] = await once(websocket, "message");
  return isBinary ? data : data.toString();
}

async function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), CASE_LIMIT_MS);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const [role, url, ...names] = process.argv.slice(2);
if (role === "server") serve();
else await client(url, names);
