// What the messages of the cases consist of, and how their outcome is told. See interop/README.md.

import { randomBytes } from "node:crypto";

export const GREETING = "Grüße, 世界 🦀";
export const CLIENT_IS_DONE = [4002, "client is done – bye"];
export const SERVER_IS_DONE = [4001, "server is done – bye"];
export const SUBPROTOCOL = "chat.v1";
const FRAGMENT_BYTES = 64 * 1024;

// A mebibyte that compresses to about half, so that its fragments stay large.
export const MEBIBYTE = randomBytes(1 << 20).map((byte) => byte & 0x0f);
// Text that compresses well.
const REPETITIVE = '{"symbol":"CRK","price":42.5,"volume":1000}'.repeat(1500);
// Text that compresses badly alone, and to almost nothing behind itself.
const HEXADECIMAL = randomBytes(1500).toString("hex");

// What each echo case sends, message by message.
export const ECHOED = {
  text: [GREETING],
  binary: [Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  empty: ["", Buffer.alloc(0)],
  deflate: [REPETITIVE],
  takeover: [HEXADECIMAL, HEXADECIMAL],
  subprotocol: ["over a subprotocol"],
};

/** Sends a message in fragments. */
export function sendInFragments(websocket, message) {
  for (let start = 0; start < message.length; start += FRAGMENT_BYTES) {
    const end = start + FRAGMENT_BYTES;
    websocket.send(message.subarray(start, end), { binary: true, fin: end >= message.length });
  }
}

/** Fails the case if what was seen is not what was wanted. */
export function expect(seen, wanted, what) {
  const same = Buffer.isBuffer(wanted) ? Buffer.isBuffer(seen) && seen.equals(wanted) : seen === wanted;
  if (!same) throw new Error(`${what}: ${String(seen).slice(0, 80)} and not ${String(wanted).slice(0, 80)}`);
}

/** Ends the case as its name says; returns the close code and the reason that have to come back. */
export function askToClose(websocket, name) {
  if (name === "close-by-server") {
    websocket.send("please close");
    return SERVER_IS_DONE;
  }
  if (name === "close-by-client") {
    websocket.close(...CLIENT_IS_DONE);
    // The answer to a close frame has its code and no reason.
    return [CLIENT_IS_DONE[0], ""];
  }
  websocket.close(1000);
  return [1000, ""];
}
