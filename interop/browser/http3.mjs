// How Chromium is brought to HTTP/3, with its pages and with its WebSockets.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";

const CONNECT_MS = 8_000;

/**
 * The flags with which Chromium loads this page over HTTP/3 and opens its WebSockets there.
 *
 * It does so only on the connection that its page has come over, and only with the feature, which is off as it is shipped.
 * QUIC takes no certificate that nobody signed unless its key is named, whatever is said of those of pages over TCP.
 */
export async function http3Flags(url) {
  const { hostname, port } = new URL(url);
  return [
    `--origin-to-force-quic-on=${hostname}:${port}`,
    `--ignore-certificate-errors-spki-list=${await keyDigest(hostname, Number(port))}`,
    "--enable-features=EnableWebsocketsOverHttp3",
  ];
}

/** SHA-256 of the public key that the server has over TCP, which is the one it has over QUIC. */
async function keyDigest(host, port) {
  const socket = connect({ host, port, rejectUnauthorized: false, timeout: CONNECT_MS });
  socket.on("timeout", () => socket.destroy(new Error(`${host}:${port} has not answered after ${CONNECT_MS / 1000} s`)));
  try {
    await once(socket, "secureConnect");
    const key = socket.getPeerX509Certificate().publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(key).digest("base64");
  } finally {
    socket.destroy();
  }
}
