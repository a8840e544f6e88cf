// The page that `carrick serve` shows: a client of /chat and of /echo.
// Text from other people reaches the document only through textContent.
// PROTOCOL.md, beside this file, describes every message.

const MAX_LOG_LINES = 300;
const MAX_FRAME_ROWS = 200;
const MAX_ECHO_ROWS = 3;
const MAX_SPARK_POINTS = 40;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
// A connection that lived this long was a good one: the next delay is short again.
const STEADY_MS = 5_000;
// The server reports about once a second. Browsers give no ping to a page, so silence is the only sign.
const MAX_SILENCE_MS = 15_000;
const ECHO_TIMEOUT_MS = 10_000;
// The browser first paints what the click changed; the painting is no part of the round trip.
const PAINT_MS = 40;
const SAME_BREATH_MS = 120_000;
const NAME_KEY = "carrick.name";

const CLOSE_MEANINGS = {
  1000: "normal closure",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no status code",
  1006: "lost without a close frame",
  1007: "invalid payload data",
  1008: "policy violation",
  1009: "message too big",
  1010: "extension missing",
  1011: "internal error",
  1012: "service restart",
  1013: "try again later",
  1014: "bad gateway",
  1015: "TLS handshake failed",
};

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function address(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

function closeMeaning(code) {
  if (CLOSE_MEANINGS[code]) return CLOSE_MEANINGS[code];
  if (code >= 4000) return "private code";
  return code >= 3000 ? "registered code" : "unknown code";
}

function closeSentence(code, reason) {
  return `${code} ${closeMeaning(code)}${reason ? `: ${reason}` : ""}`;
}

/** Between half of the doubled delay and all of it, so that many tabs do not return at once. */
function backoff(attempt) {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return ceiling / 2 + Math.random() * (ceiling / 2);
}

// Connection
//
//   connecting ──open──► open ──button──► closing ──► closed
//       ▲                 │                             │
//       │                lost                         button
//       │                 ▼                             │
//       └──timer────── waiting ──button──► closed       │
//       └───────────────────────────────────────────────┘
class Connection extends EventTarget {
  state = "closed";
  detail = "";
  #socket = null;
  #attempt = 0;
  #openedAt = 0;
  #heardAt = 0;
  #retryAt = 0;
  #timer = 0;

  open() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(address("/chat"));
    this.#socket = socket;
    this.#heardAt = performance.now();
    this.#become("connecting", "");
    // Events of a socket that was given up come late and mean nothing.
    const current = (handle) => (event) => this.#socket === socket && handle(event);
    socket.onopen = current(() => this.#opened());
    socket.onmessage = current((event) => this.#heard(event.data));
    socket.onclose = current((event) => this.#lost(closeSentence(event.code, event.reason)));
  }

  close() {
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#become("closing", "");
      this.#socket.close(1000, "closed by the button");
    } else {
      this.#become("closed", this.detail);
    }
  }

  send(message) {
    if (this.state !== "open") return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Called once in a while: gives up a connection that fell silent or never answered. */
  watch() {
    const socket = this.#socket;
    if (!socket || performance.now() - this.#heardAt < MAX_SILENCE_MS) return;
    this.#socket = null;
    socket.close();
    this.#lost(`nothing heard for ${MAX_SILENCE_MS / 1000} s`);
  }

  get secondsLeft() {
    return Math.max(0, this.#retryAt - performance.now()) / 1000;
  }

  /** How long it has been open, as minutes:seconds. */
  get age() {
    const seconds = Math.floor((performance.now() - this.#openedAt) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  get attempt() {
    return this.#attempt;
  }

  #opened() {
    this.#openedAt = this.#heardAt = performance.now();
    this.#become("open", "");
  }

  #heard(data) {
    this.#heardAt = performance.now();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      message = { type: "error", text: "The server sent something that is not JSON." };
    }
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #lost(why) {
    const asked = this.state === "closing";
    if (this.state === "open" && performance.now() - this.#openedAt >= STEADY_MS) this.#attempt = 0;
    this.#socket = null;
    if (asked) {
      this.#attempt = 0;
      this.#become("closed", why);
      return;
    }
    const delay = backoff(this.#attempt);
    this.#attempt += 1;
    this.#retryAt = performance.now() + delay;
    this.#timer = setTimeout(() => this.open(), delay);
    this.#become("waiting", why);
  }

  #become(state, detail) {
    this.state = state;
    this.detail = detail;
    this.dispatchEvent(new Event("state"));
  }
}

const connection = new Connection();

// State, facts and the two buttons

const STATE_NAMES = { connecting: "connecting", open: "open", closing: "closing", waiting: "reconnecting", closed: "closed" };

function stateDetail() {
  const { state, detail } = connection;
  if (state === "waiting") return `in ${connection.secondsLeft.toFixed(1)} s · ${detail}`;
  return state === "open" ? `for ${connection.age}` : detail;
}

// A live region speaks whenever it is written, so it is written only when it changes.
function write(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function showState() {
  const { state, detail } = connection;
  byId("state").dataset.state = state;
  byId("state").title = detail;
  write("state-name", STATE_NAMES[state]);
  write("state-detail", stateDetail());
  write("close", state === "waiting" ? "Stop" : "Close");
  byId("close").disabled = state === "closing" || state === "closed";
  byId("reconnect").disabled = state !== "waiting" && state !== "closed";
  byId("say").disabled = state !== "open";
}

function showFacts(welcome) {
  const facts = [
    welcome.http,
    welcome.tls ? "wss" : "ws",
    welcome.deflate ? "permessage-deflate" : "uncompressed",
    `carrick ${welcome.version}`,
  ];
  byId("facts").replaceChildren(...facts.map((fact) => element("li", "", fact)));
}

// Members

const members = new Map();
let ownId = null;

function avatar(id, name) {
  const made = element("span", "avatar", [...name][0]?.toUpperCase() ?? "?");
  // The golden angle keeps neighbours in number apart in colour.
  made.style.setProperty("--hue", String((185 + id * 137.5) % 360));
  made.setAttribute("aria-hidden", "true");
  return made;
}

/** Leaves the field alone while somebody types in it. */
function showOwnName() {
  if (document.activeElement !== byId("name")) byId("name").value = members.get(ownId) ?? "";
}

function showMembers() {
  const rows = [...members].map(([id, name]) => {
    const row = element("li", id === ownId ? "you" : "");
    row.append(avatar(id, name), element("span", "member", name));
    return row;
  });
  byId("members").replaceChildren(...rows);
  byId("member-count").textContent = members.size ? `${members.size} here` : "not connected";
}

// Log

let lastSaid = null;
let lastJoined = null;
let unread = 0;

function addLine(line) {
  const log = byId("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.append(line);
  while (log.childElementCount > MAX_LOG_LINES) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
  else byId("newer").hidden = false;
}

function addEvent(text, className = "") {
  lastSaid = null;
  lastJoined = null;
  const line = element("li", `event ${className}`, text);
  addLine(line);
  return line;
}

function addSaid(said) {
  const again = lastSaid?.id === said.id && lastSaid.name === said.name && said.at - lastSaid.at < SAME_BREATH_MS;
  const line = element("li", `said${said.id === ownId ? " mine" : ""}${again ? " again" : ""}`);
  const at = new Date(said.at);
  const time = element("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = at.toISOString();
  const who = element("span", "who");
  who.append(element("b", "", said.name), time);
  line.append(avatar(said.id, said.name), who, element("span", "words", said.text));
  addLine(line);
  lastSaid = said;
}

function noteUnread() {
  unread = document.hidden ? unread + 1 : 0;
  document.title = unread ? `(${unread}) carrick` : "carrick";
}

// Ping and counters

let roundTrips = [];

function milliseconds(value) {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function showRoundTrip(microseconds) {
  if (microseconds === null) return;
  roundTrips = [...roundTrips, microseconds / 1000].slice(-MAX_SPARK_POINTS);
  const lowest = Math.min(...roundTrips);
  const highest = Math.max(...roundTrips);
  byId("round-trip").textContent = milliseconds(microseconds / 1000);
  byId("round-trip-range").textContent = `${milliseconds(lowest)}–${milliseconds(highest)}`;
  const step = 240 / (MAX_SPARK_POINTS - 1);
  const left = 240 - step * (roundTrips.length - 1);
  const points = roundTrips.map((value, i) => `${(left + i * step).toFixed(1)} ${(54 - (value / highest) * 48).toFixed(1)}`);
  byId("spark-line").setAttribute("d", `M${points.join("L")}`);
  byId("spark-fill").setAttribute("d", `M${left.toFixed(1)} 56L${points.join("L")}L240 56Z`);
}

function showCounters(status) {
  for (const way of ["received", "sent"]) {
    for (const what of ["messages", "frames", "bytes"]) {
      byId(`${way}-${what}`).textContent = status[way][what].toLocaleString("en");
    }
  }
}

// Frames, newest on top

let paused = false;

function frameRow(frame) {
  const row = element("tr", frame.direction);
  row.dataset.opcode = frame.opcode;
  const bits = element("td");
  if (frame.fin) bits.append(element("span", "bit", "FIN"));
  if (frame.compressed) bits.append(element("span", "bit deflate", "deflate"));
  if (frame.masked) bits.append(element("span", "bit", "mask"));
  row.append(
    element("td", "", `${(frame.at_ms / 1000).toFixed(3)} s`),
    element("td", "way", frame.direction),
    element("td", "", frame.opcode),
    bits,
    element("td", "", frame.bytes.toLocaleString("en")),
  );
  return row;
}

function skippedRow(skipped) {
  const row = element("tr", "gap");
  const cell = element("td", "", `${skipped.toLocaleString("en")} more not listed`);
  cell.colSpan = 5;
  row.append(cell);
  return row;
}

function addFrames(report) {
  if (paused) return;
  const rows = byId("frame-rows");
  rows.prepend(...report.frames.map(frameRow).reverse());
  if (report.skipped) rows.prepend(skippedRow(report.skipped));
  while (rows.childElementCount > MAX_FRAME_ROWS) rows.lastElementChild.remove();
}

// Messages of /chat

function welcomed(welcome) {
  ownId = welcome.id;
  members.clear();
  for (const member of welcome.members) members.set(member.id, member.name);
  byId("log").replaceChildren();
  byId("frame-rows").replaceChildren();
  byId("newer").hidden = true;
  lastSaid = null;
  roundTrips = [];
  for (const said of welcome.history) addSaid(said);
  addEvent("You joined");
  showFacts(welcome);
  const wanted = sessionStorage.getItem(NAME_KEY);
  if (wanted && wanted !== welcome.name) connection.send({ type: "rename", name: wanted });
  else showOwnName();
}

function joined({ id, name }) {
  members.set(id, name);
  if (id === ownId) return;
  lastJoined = { id, line: addEvent(`${name} joined`) };
}

function left({ id, name }) {
  members.delete(id);
  addEvent(`${name} left`);
}

function renamed({ id, name }) {
  const before = members.get(id) ?? "Somebody";
  members.set(id, name);
  if (id === ownId) {
    sessionStorage.setItem(NAME_KEY, name);
    showOwnName();
  }
  // A tab that brings its name along renames itself as soon as it has joined: one line for both.
  if (lastJoined?.id === id) lastJoined.line.textContent = `${name} joined`;
  else if (id !== ownId) addEvent(`${before} is now ${name}`);
  if (lastJoined?.id === id) lastJoined = null;
}

function refused({ text }) {
  addEvent(text, "wrong");
  showOwnName();
}

const HANDLERS = {
  welcome: welcomed,
  said: (message) => { addSaid(message); noteUnread(); lastJoined = null; },
  joined,
  left,
  renamed,
  status: (message) => { showRoundTrip(message.round_trip_us); showCounters(message); },
  frames: addFrames,
  error: refused,
};
const CHANGES_MEMBERS = new Set(["welcome", "joined", "left", "renamed"]);

connection.addEventListener("message", ({ detail }) => {
  // A newer server may say more than this page understands.
  HANDLERS[detail.type]?.(detail);
  if (CHANGES_MEMBERS.has(detail.type)) showMembers();
});

connection.addEventListener("state", () => {
  if (connection.state === "waiting" || connection.state === "closed") {
    members.clear();
    showMembers();
    if (connection.attempt <= 1) addEvent(`Connection closed: ${connection.detail}`, connection.state === "waiting" ? "wrong" : "");
  }
  showState();
});

// Controls of the chat

function say() {
  const field = byId("text");
  if (!field.value.trim()) return;
  if (connection.send({ type: "say", text: field.value.trim() })) field.value = "";
}

function rename() {
  const field = byId("name");
  const name = field.value.trim();
  // Without a connection the name is kept for the next one.
  if (!name || name === members.get(ownId)) {
    field.value = members.get(ownId) ?? sessionStorage.getItem(NAME_KEY) ?? "";
    return;
  }
  if (!connection.send({ type: "rename", name })) sessionStorage.setItem(NAME_KEY, name);
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  say();
});
byId("text").addEventListener("keydown", (event) => {
  // While an input method composes, Enter picks a candidate.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});
byId("name").addEventListener("blur", rename);
byId("name").addEventListener("keydown", (event) => {
  if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
  event.preventDefault();
  if (event.key === "Escape") event.target.value = "";
  byId("text").focus();
});
byId("close").addEventListener("click", () => connection.close());
byId("reconnect").addEventListener("click", () => connection.open());
byId("newer").addEventListener("click", () => { byId("log").scrollTop = byId("log").scrollHeight; });
byId("log").addEventListener("scroll", ({ target }) => {
  if (target.scrollHeight - target.scrollTop - target.clientHeight < 60) byId("newer").hidden = true;
});
byId("pause").addEventListener("click", ({ target }) => {
  paused = !paused;
  target.setAttribute("aria-pressed", String(paused));
});
const hidePings = () => byId("frames").classList.toggle("no-control", byId("hide-control").checked);
byId("hide-control").addEventListener("change", hidePings);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = "carrick";
});
addEventListener("online", () => connection.state === "waiting" && connection.open());

// Echo

let echoSocket = null;

function echoConnection() {
  if (echoSocket && echoSocket.readyState <= WebSocket.OPEN) return echoSocket;
  echoSocket = new WebSocket(address("/echo"));
  echoSocket.binaryType = "arraybuffer";
  return echoSocket;
}

/** Resolves at the next event of one of the kinds; rejects when the socket closes or the time is over. */
function next(socket, kind) {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const settle = (finish) => (value) => { done.abort(); clearTimeout(timer); finish(value); };
    const timer = setTimeout(() => settle(reject)(new Error("no answer in time")), ECHO_TIMEOUT_MS);
    socket.addEventListener(kind, settle(resolve), { signal: done.signal });
    socket.addEventListener("close", (event) => settle(reject)(new Error(closeSentence(event.code, event.reason))), { signal: done.signal });
  });
}

function randomBytes(length) {
  const bytes = new Uint8Array(length);
  // The browser gives at most 65536 random bytes at once.
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

function identical(sent, received) {
  if (typeof sent === "string") return sent === received;
  if (!(received instanceof ArrayBuffer) || received.byteLength !== sent.length) return false;
  const bytes = new Uint8Array(received);
  return sent.every((byte, i) => byte === bytes[i]);
}

async function echo(payload) {
  const socket = echoConnection();
  if (socket.readyState === WebSocket.CONNECTING) await next(socket, "open");
  await new Promise((resolve) => setTimeout(resolve, PAINT_MS));
  const started = performance.now();
  const answer = next(socket, "message");
  socket.send(payload);
  const { data } = await answer;
  return { took: performance.now() - started, same: identical(payload, data) };
}

function addEcho(left, right, className) {
  const row = element("li", className);
  row.append(element("span", "", left), element("span", "", right));
  byId("echoes").prepend(row);
  while (byId("echoes").childElementCount > MAX_ECHO_ROWS) byId("echoes").lastElementChild.remove();
}

function echoKind() {
  return document.querySelector("#echo input[name=kind]:checked").value;
}

byId("echo").addEventListener("change", () => {
  byId("echo-text").hidden = echoKind() !== "text";
  byId("echo-bytes").hidden = echoKind() !== "binary";
});
byId("echo").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const kind = echoKind();
  const payload = kind === "text" ? byId("echo-text").value : randomBytes(Number(byId("echo-bytes").value));
  const length = kind === "text" ? new TextEncoder().encode(payload).length : payload.length;
  const what = `${kind} · ${length.toLocaleString("en")} ${length === 1 ? "byte" : "bytes"}`;
  button.disabled = true;
  try {
    const { took, same } = await echo(payload);
    addEcho(what, same ? `${milliseconds(took)} ms · identical` : "came back different", same ? "" : "wrong");
  } catch (error) {
    echoSocket?.close();
    echoSocket = null;
    addEcho(what, error.message, "wrong");
  } finally {
    button.disabled = false;
  }
});

byId("name").value = sessionStorage.getItem(NAME_KEY) ?? "";
hidePings();
setInterval(() => {
  connection.watch();
  write("state-detail", stateDetail());
}, 200);
connection.open();
