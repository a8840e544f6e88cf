// usage: node server.mjs
//
// node:http2 without TLS opens the streams, ws speaks the WebSocket on them.

import http2 from "node:http2";
import { WebSocket } from "ws";

import * as content from "../node/content.mjs";
import { handle } from "../node/server-side.mjs";

const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
server.on("stream", (stream, headers) => {
  if (headers[":method"] !== "CONNECT" || headers[":protocol"] !== "websocket") {
    stream.respond({ ":status": 404 }, { endStream: true });
    return;
  }
  const offered = (headers["sec-websocket-protocol"] ?? "").split(", ");
  const chosen = offered.includes(content.SUBPROTOCOL) ? { "sec-websocket-protocol": content.SUBPROTOCOL } : {};
  stream.respond({ ":status": 200, ...chosen });
  // What ws does with a socket, and a stream of HTTP/2 has not.
  stream.setNoDelay = () => {};
  const websocket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  websocket.setSocket(stream, Buffer.alloc(0), { maxPayload: 1 << 27, skipUTF8Validation: false });
  handle(websocket, headers[":path"].slice(1));
});
