// usage: node ws.mjs --port N --mode echo|tls|deflate|fanout [--cert FILE --key FILE]

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";

// The arguments of a client are not known here, and its mode is refused.
const { values } = parseArgs({
  strict: false,
  options: Object.fromEntries(["port", "mode", "cert", "key"].map((name) => [name, { type: "string" }])),
});
const { mode } = values;
if (!["echo", "tls", "deflate", "fanout"].includes(mode)) process.exit(3);

const address = { host: "127.0.0.1", port: Number(values.port), backlog: 4096 };
const ready = () => console.log("ready");
const perMessageDeflate = mode === "deflate" && {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  threshold: 0,
  zlibDeflateOptions: { level: 6, memLevel: 8 },
};

let server;
if (mode === "tls") {
  const http = createServer({ cert: readFileSync(values.cert), key: readFileSync(values.key) });
  server = new WebSocketServer({ server: http, perMessageDeflate });
  http.listen(address, ready);
} else {
  server = new WebSocketServer({ ...address, perMessageDeflate }, ready);
}

const subscribers = new Set();

server.on("connection", (websocket, request) => {
  // The end of a run is a connection that breaks off.
  websocket.on("error", () => {});
  if (mode === "fanout" && request.url === "/sub") {
    subscribers.add(websocket);
    websocket.on("close", () => subscribers.delete(websocket));
  } else {
    websocket.on("message", mode === "fanout" ? publish : echo);
  }
});

function echo(data, isBinary) {
  this.send(data, { binary: isBinary });
}

function publish(data, isBinary) {
  for (const subscriber of subscribers) {
    if (subscriber.readyState === WebSocket.OPEN) subscriber.send(data, { binary: isBinary });
  }
}
