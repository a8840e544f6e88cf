// What the server of a case does with a WebSocket of ws, whatever carries it.

import * as content from "./content.mjs";

/** Answers the client of a case, and tells how its WebSocket ended. */
export function handle(websocket, name) {
  let pongSeen = false;
  websocket.on("pong", (payload) => (pongSeen = payload.toString() === "from the server"));
  if (name === "ping") websocket.ping("from the server");
  websocket.on("message", (data, isBinary) => {
    if (name === "fragments") content.sendInFragments(websocket, data);
    else if (name === "close-by-server") websocket.close(...content.SERVER_IS_DONE);
    else if (name === "ping" && data.toString() === "next") websocket.send(pongSeen ? "pong seen" : "no pong seen");
    else websocket.send(data, { binary: isBinary });
  });
  websocket.on("close", (code, reason) => console.log(`closed ${name} ${code} ${reason}`));
  websocket.on("error", (error) => console.log(`broken ${name} ${error}`));
}
