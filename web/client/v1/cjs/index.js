/*! ringcast client 0.2.0 | Apache-2.0 */
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// web/client/index.js
var index_exports = {};
__export(index_exports, {
  Client: () => Client,
  EventParser: () => EventParser,
  RingcastError: () => RingcastError,
  SharedClient: () => SharedClient,
  connect: () => connect,
  readEvents: () => readEvents
});
module.exports = __toCommonJS(index_exports);

// web/client/environment.js
var kClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer)
};
function environmentOf({ clock = kClock, random = Math.random, fetch = globalThis.fetch, WebSocket = globalThis.WebSocket }) {
  return { clock, random, fetch: (...rest) => fetch(...rest), WebSocket };
}
var Timer = class {
  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
    this.timer = void 0;
  }
  get pending() {
    return this.timer !== void 0;
  }
  /**
   * @param {number} ms
   * @param {() => void} run
   */
  set(ms, run) {
    this.clear();
    this.timer = this.clock.setTimeout(() => {
      this.timer = void 0;
      run();
    }, ms);
  }
  clear() {
    if (this.timer !== void 0) this.clock.clearTimeout(this.timer);
    this.timer = void 0;
  }
};
var Watchdog = class {
  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
    this.timer = new Timer(clock);
    this.silenceMs = 0;
    this.heardAt = 0;
    this.onSilence = () => {
    };
  }
  /**
   * @param {number} silenceMs
   * @param {() => void} onSilence
   */
  start(silenceMs, onSilence) {
    this.silenceMs = silenceMs;
    this.onSilence = onSilence;
    this.heard();
    this.timer.set(silenceMs, () => this.look());
  }
  heard() {
    this.heardAt = this.clock.now();
  }
  look() {
    const leftMs = this.heardAt + this.silenceMs - this.clock.now();
    if (leftMs > 0) this.timer.set(leftMs, () => this.look());
    else this.onSilence();
  }
  stop() {
    this.timer.clear();
  }
};

// web/client/ladder.js
var kFailuresMax = 3;
var kEarlyEndsMax = 3;
var kProbeMinMs = 5e3;
var kProbeMaxMs = 3e5;
var Rung = class {
  /** @param {Transport} kind */
  constructor(kind) {
    this.kind = kind;
    this.proven = false;
    this.failures = 0;
    this.earlyEnds = 0;
    this.passes = 0;
    this.usableAt = 0;
  }
};
var Ladder = class {
  /**
   * @param {readonly Transport[]} kinds from the best downwards
   * @param {import('./environment.js').Environment} env
   */
  constructor(kinds, env) {
    this.rungs = kinds.map((kind) => new Rung(kind));
    this.env = env;
    this.at = 0;
  }
  get kind() {
    return this.rungs[this.at].kind;
  }
  /** @param {Transport} kind */
  indexOf(kind) {
    return this.rungs.findIndex((rung) => rung.kind === kind);
  }
  /** A round of attempts begins. */
  begin() {
    const now = this.env.clock.now();
    this.at = Math.max(0, this.rungs.findIndex((rung) => rung.usableAt <= now));
  }
  /** The attempt did not get through. True: try the next one at once; false: wait, then begin a new round. */
  failed() {
    const rung = this.rungs[this.at];
    rung.failures++;
    if (rung.proven && rung.failures < kFailuresMax) return false;
    if (this.at + 1 < this.rungs.length) {
      this.at++;
      return true;
    }
    for (const each of this.rungs) each.usableAt = 0;
    return false;
  }
  /** @param {Transport} kind */
  opened(kind) {
    this.at = this.indexOf(kind);
    this.rungs.forEach((rung2, index) => {
      if (index < this.at && rung2.failures) this.passOver(rung2);
    });
    const rung = this.rungs[this.at];
    rung.proven = true;
    rung.failures = rung.usableAt = 0;
  }
  /**
   * The connection that was open is gone.
   * @param {Transport} kind
   * @param {'well' | 'early'} how
   */
  ended(kind, how) {
    const rung = this.rungs[this.indexOf(kind)];
    if (how === "well") {
      rung.earlyEnds = rung.passes = 0;
    } else if (++rung.earlyEnds >= (rung.passes ? 1 : kEarlyEndsMax) && rung !== this.rungs[this.rungs.length - 1]) {
      this.passOver(rung);
    }
  }
  /** @returns {{ kind: Transport, delayMs: number } | null} the better transport to probe next */
  nextProbe() {
    const [next] = this.rungs.slice(0, this.at).sort((a, b) => a.usableAt - b.usableAt);
    return next ? { kind: next.kind, delayMs: Math.max(0, next.usableAt - this.env.clock.now()) } : null;
  }
  /** @param {Transport} kind */
  probeFailed(kind) {
    this.passOver(this.rungs[this.indexOf(kind)]);
  }
  /**
   * @private
   * @param {Rung} rung
   */
  passOver(rung) {
    const { clock, random } = this.env;
    const delay = Math.min(kProbeMinMs * 2 ** rung.passes++, kProbeMaxMs);
    rung.failures = rung.earlyEnds = 0;
    rung.usableAt = clock.now() + delay * (0.75 + random() / 2);
  }
  /** Another network: whatever was in the way may be gone. */
  forget() {
    for (const rung of this.rungs) rung.usableAt = rung.passes = rung.failures = 0;
  }
};

// web/client/event_stream.js
var EventParser = class {
  /**
   * @param {(event: StreamEvent) => void} onEvent
   * @param {(ms: number) => void} [onRetry]
   */
  constructor(onEvent, onRetry = () => {
  }) {
    this.onEvent = onEvent;
    this.onRetry = onRetry;
    this.decoder = new TextDecoder();
    this.rest = "";
    this.id = "";
    this.type = "";
    this.data = [];
  }
  /** @param {Uint8Array} bytes */
  feed(bytes) {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }
  /**
   * @private
   * @param {string} line
   */
  line(line) {
    if (line === "") {
      if (this.data.length) this.onEvent({ type: this.type || "message", data: this.data.join("\n"), id: this.id });
      this.type = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.type = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.onRetry(Number(value));
  }
};
var Refusal = class _Refusal extends Error {
  /**
   * @param {number} status
   * @param {{ code: string, message?: string } | undefined} error the server's own, when the answer is one of its answers
   * @param {number} retryAfterMs
   */
  constructor(status, error, retryAfterMs) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
  /** @param {Response} response */
  static async from(response) {
    const body = await response.json().catch(() => null);
    const error = typeof body?.error?.code === "string" ? body.error : void 0;
    return new _Refusal(response.status, error, 1e3 * Number(response.headers.get("Retry-After")) || 0);
  }
};
async function readEvents(url, { fetch = globalThis.fetch, headers = {}, body, signal, onEvent, onRetry }) {
  const response = await fetch(url, {
    method: body === void 0 ? "GET" : "POST",
    body,
    headers: { Accept: "text/event-stream", ...headers },
    cache: "no-store",
    signal
  });
  if (response.status !== 200 || !response.body || !(response.headers.get("Content-Type") ?? "").startsWith("text/event-stream")) {
    throw await Refusal.from(response);
  }
  const parser = new EventParser(onEvent, onRetry);
  const reader = response.body.getReader();
  for (; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}

// web/client/errors.js
var RingcastError = class extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   */
  constructor(code, message) {
    super(message ?? code);
    this.name = "RingcastError";
    this.code = code;
  }
};

// web/client/http.js
async function request(core, path, { query, body, type, signal, timeoutMs = core.openTimeoutMs + core.silenceTimeoutMs } = {}) {
  const stopping = new AbortController();
  const timer = new Timer(core.env.clock);
  const aborted = () => stopping.abort(signal?.reason);
  if (signal?.aborted) aborted();
  signal?.addEventListener("abort", aborted);
  const late = new Promise((_, reject) => {
    timer.set(timeoutMs, () => {
      const error = new RingcastError("timeout", `no answer within ${timeoutMs} ms`);
      reject(error);
      stopping.abort(error);
    });
    stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason));
  });
  const answer = async () => {
    const response = await core.env.fetch(core.url(path, query), {
      method: body === void 0 ? "GET" : "POST",
      cache: "no-store",
      signal: stopping.signal,
      ...body !== void 0 && { body: JSON.stringify(body) },
      ...type && { headers: { "Content-Type": type } }
    });
    if (response.status !== 200) throw await Refusal.from(response);
    return response.json();
  };
  try {
    return await Promise.race([answer(), late]);
  } finally {
    timer.clear();
    signal?.removeEventListener("abort", aborted);
  }
}
function asRingcastError(error, base) {
  if (error instanceof RingcastError) return error;
  if (error instanceof Refusal) return new RingcastError(error.error?.code ?? `http_${error.status}`, error.message);
  return new RingcastError("unreachable", `the server at ${base.origin} cannot be reached`);
}

// web/client/link.js
var Link = class {
  /**
   * @param {import('./ladder.js').Transport} kind
   * @param {import('./core.js').Core} core
   */
  constructor(kind, core) {
    this.kind = kind;
    this.core = core;
    this.connection = core.connection;
    this.subscriptions = /* @__PURE__ */ new Map();
    this.asked = /* @__PURE__ */ new Map();
    this.from = /* @__PURE__ */ new Map();
  }
  // It cannot take the rooms or the token that there are now, and needs a successor.
  get outdated() {
    return false;
  }
  connect() {
  }
  // The rooms have changed.
  sync() {
  }
  // There is something to publish.
  publish() {
  }
  /** @param {string} _token */
  renew(_token) {
  }
  // It may be dead: find out.
  check() {
  }
  close() {
  }
  /** @param {import('./reactions.js').Reaction} reaction */
  lost(reaction) {
    this.connection.lost(this, reaction);
  }
};

// web/client/names.js
var kNameBytesMax = 128;
function checkRoom(room) {
  if (typeof room !== "string") throw new TypeError(`a room is a string, not ${typeof room}`);
  const bytes = new TextEncoder().encode(room).length;
  if (!bytes || bytes > kNameBytesMax || room === "*" || room[0] === "@" || /[\0-\x1f\x7f-\x9f,]/.test(room) || new RegExp("\\p{Cs}", "u").test(room)) {
    throw new RingcastError("bad_room", `"${room.slice(0, 40)}" is not a room: 1 to ${kNameBytesMax} bytes, no control characters, no ",", not "*", no "@" first`);
  }
}
function roomList(rooms) {
  if (typeof rooms === "string") throw new TypeError(`rooms is a list: ["${rooms}"]`);
  const list = [...rooms ?? []];
  list.forEach(checkRoom);
  return list;
}
var namedCursor = (positions) => [...positions].map(([channel, id]) => `${encodeURIComponent(channel)}=${id}`).join(",");
var keyOf = (channel) => channel[0] === "@" ? "@me" : channel;
function camelCase(event) {
  const result = {};
  for (const key of Object.keys(event)) {
    const name = key === "event_type" ? "type" : key.includes("_") ? key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()) : key;
    result[name] = event[key];
  }
  if (result.type === "binary" && typeof result.data === "string") {
    result.data = Uint8Array.from(atob(result.data), (character) => character.charCodeAt(0));
  }
  return result;
}

// web/client/reactions.js
var kCloseCodes = {
  1e3: ["stop", "ended"],
  1001: ["again", "going_away"],
  1002: ["stop", "protocol_error"],
  1003: ["stop", "unsupported_data"],
  1007: ["stop", "invalid_text"],
  1008: ["stop", "policy"],
  1009: ["stop", "too_large"],
  1011: ["busy", "internal_error"],
  1013: ["busy", "try_again"],
  4001: ["token", "unauthorized"],
  4003: ["stop", "forbidden"],
  4008: ["again", "slow_consumer"],
  4010: ["token", "token_expired"],
  4011: ["stop", "kicked"],
  4029: ["busy", "rate_limited"]
};
function reactionToClose(closeCode, text, error) {
  const known = kCloseCodes[closeCode];
  if (!known) return { do: "again", code: "connection_lost", reason: `connection lost (${closeCode}${text ? `: ${text}` : ""})`, blocked: true };
  const [does, code] = known;
  const reason = error?.message || text || code.replace("_", " ");
  return { do: does === "busy" ? "again" : does, code: error?.code ?? code, reason, busy: does === "busy" };
}
var kPassing = /* @__PURE__ */ new Set(["rate_limited", "undecided", "too_many_undecided", "draining", "full", "channels_full", "try_again", "too_many_connections"]);
var isPassing = (code) => code !== void 0 && kPassing.has(code);
var isPassingStatus = (status) => status === 408 || status === 425 || status === 429 || status >= 500;
function reactionToRefusal({ status, error, message, retryAfterMs }) {
  const code = error?.code ?? `http_${status}`;
  if (status === 204) return { do: "stop", code: "ended", reason: "the rooms have ended" };
  if (status === 401) return { do: "token", code, reason: message };
  if (error && !isPassingStatus(status)) return { do: "stop", code, reason: message };
  return { do: "again", code, reason: message, busy: true, blocked: !error, afterMs: retryAfterMs };
}
function retryAfterOf(error) {
  const { status, retryAfterMs = 0 } = (
    /** @type {{ status?: number, retryAfterMs?: number }} */
    error
  );
  return status === void 0 || isPassingStatus(status) ? retryAfterMs : -1;
}
var kSilent = { do: "again", code: "silent", reason: "the server went silent", blocked: true };
var kNoAnswer = { do: "again", code: "no_answer", reason: "no answer", blocked: true };
var kCut = { do: "again", code: "connection_lost", reason: "connection lost", blocked: true };
function unreachable(base) {
  const page = globalThis.location?.origin;
  const hint = page && page !== "null" && page !== base.origin ? ` from this page; if it is up, it may refuse the page's origin: "${page}" has to be in the server's setting "origins"` : "";
  return { do: "again", code: "unreachable", reason: `the server at ${base.origin} cannot be reached${hint}`, blocked: true };
}

// web/client/http_link.js
var HttpLink = class extends Link {
  /**
   * @param {import('./ladder.js').Transport} kind
   * @param {import('./core.js').Core} core
   */
  constructor(kind, core) {
    super(kind, core);
    this.stopping = new AbortController();
    this.sending = false;
    this.sendTimer = new Timer(core.env.clock);
    this.goOn = () => {
    };
    this.channels = [];
    this.token = "";
  }
  /** What is asked for, by name. */
  begin() {
    const { core } = this;
    this.asked = new Map(core.subscriptions);
    this.subscriptions = new Map(this.asked);
    this.channels = [...this.asked.keys(), ...core.ownChannels];
    this.from = new Map(core.known(this.channels));
    this.token = core.token;
  }
  /** The body of a request: the rooms, and the position in each that is known. */
  body() {
    return { rooms: this.channels, positions: Object.fromEntries(this.from) };
  }
  get outdated() {
    const { subscriptions, token } = this.core;
    return token !== this.token || subscriptions.size !== this.asked.size || [...subscriptions].some(([room, subscription]) => this.asked.get(room) !== subscription);
  }
  /**
   * The server has confirmed: true when this link carries the client now.
   * @param {{ positions?: Record<string, number>, connection_id?: string }} event
   */
  open({ positions = {}, connection_id = "" }) {
    if (!this.connection.opened(this, connection_id)) return false;
    for (const [name, id] of Object.entries(positions)) if (!this.from.has(keyOf(name))) this.from.set(keyOf(name), id);
    this.core.begin(this, positions);
    this.publish();
    this.connection.catchUp(this);
    return this.connection.link === this;
  }
  /**
   * An `error` that names a room: the room is not joined, the others are.
   * @param {any} event
   */
  refuseRoom({ room, code, message }) {
    const subscription = this.asked.get(room);
    if (!subscription) return;
    this.subscriptions.delete(room);
    if (isPassing(code)) {
      this.asked.delete(room);
      this.connection.changeLater();
    } else if (code === "no_history" && subscription.confirmed) {
      this.core.emit({ type: "error", room, code, message });
    } else {
      this.asked.delete(room);
      this.core.refused(subscription, { code, message });
    }
  }
  sync() {
    if (this.outdated) this.connection.change();
  }
  renew() {
    this.connection.replace();
  }
  check() {
    this.connection.replace();
  }
  async publish() {
    if (this.sending) return;
    this.sending = true;
    const { core } = this;
    for (let attempt = 0; core.pending.size && !this.stopping.signal.aborted; ) {
      const [message] = core.pending.values();
      const retryAfterMs = await this.post(message);
      if (retryAfterMs < 0) {
        attempt = 0;
        continue;
      }
      if (this.stopping.signal.aborted) break;
      const delayMs = Math.max(retryAfterMs, backoffMs(++attempt, core.env.random));
      await new Promise((resolve) => {
        this.goOn = () => resolve(void 0);
        this.sendTimer.set(delayMs, this.goOn);
      });
    }
    this.sending = false;
  }
  // Negative when it is settled, else how long to wait at least. The key makes it safe to send it again.
  /** @param {import('./core.js').Pending} message */
  async post({ ref, key, body, echo }) {
    const { core } = this;
    try {
      const { event_id: id, receivers, duplicate } = await request(core, "/messages", {
        type: "application/json",
        body: {
          ...body,
          user: core.user || void 0,
          idempotency_key: key,
          exclude: echo === false && core.connectionId ? core.connectionId : void 0
        },
        signal: this.stopping.signal
      });
      core.settle(ref, null, { id, receivers, duplicate });
      return -1;
    } catch (error) {
      const retryAfterMs = this.stopping.signal.aborted ? 0 : retryAfterOf(error);
      if (retryAfterMs < 0) core.settle(ref, asRingcastError(error, core.base));
      return retryAfterMs;
    }
  }
  close() {
    this.stopping.abort();
    this.sendTimer.clear();
    this.goOn();
  }
};

// web/client/poll_link.js
var PollLink = class extends HttpLink {
  /** @param {import('./core.js').Core} core */
  constructor(core) {
    super("poll", core);
  }
  async connect() {
    const { core } = this;
    const { signal } = this.stopping;
    this.begin();
    try {
      for (let opened = false; !signal.aborted; opened = true) {
        const timeout = opened ? Math.ceil(core.pollTimeoutMs / 1e3) : 0;
        const answer = await request(core, "/poll", {
          body: { ...this.body(), timeout },
          signal,
          timeoutMs: 1e3 * timeout + core.silenceTimeoutMs
        });
        if (signal.aborted || !(opened || this.opens(answer))) return;
        this.take(answer);
      }
    } catch (error) {
      if (signal.aborted) return;
      const silent = (
        /** @type {any} */
        error?.code === "timeout"
      );
      this.lost(error instanceof Refusal ? reactionToRefusal(error) : silent ? kSilent : unreachable(core.base));
    }
  }
  // The inbox bears the name that the server knows the user by.
  /** @param {{ events: any[], positions: Record<string, number> }} answer */
  opens(answer) {
    if (!this.open({ positions: this.starts(answer) })) return false;
    const inbox = Object.keys(answer.positions).find((name) => name[0] === "@" && name !== "@me");
    if (inbox) this.core.deliver(this, { event_type: "connection_id", connection_id: "", user: inbox.slice(1) });
    return !this.stopping.signal.aborted;
  }
  // Where a room begins that had no position: before the first of its events, if there are any already.
  /** @param {{ events: any[], positions: Record<string, number> }} answer */
  starts({ events, positions }) {
    const starts = { ...positions };
    for (const { room, id } of events) if (Number.isSafeInteger(id) && id <= starts[room]) starts[room] = id - 1;
    return starts;
  }
  /** @param {{ events: any[], gaps?: any[], positions: Record<string, number> }} answer */
  take({ events, gaps = [], positions }) {
    const { core } = this;
    for (const gap of gaps) core.deliver(this, { event_type: "gap", ...gap });
    for (const event of events) {
      if (this.stopping.signal.aborted) return;
      if (event.event_type === "error" && event.room !== void 0) this.refuseRoom(event);
      else core.deliver(this, event);
    }
    this.from = new Map(Object.entries(positions).map(([name, id]) => [keyOf(name), id]));
    this.channels = this.channels.filter((channel) => channel === "*" || channel === "@me" || this.subscriptions.has(channel));
  }
};

// web/client/stream_link.js
var kHeartbeatMs = 25e3;
var StreamLink = class extends HttpLink {
  /** @param {import('./core.js').Core} core */
  constructor(core) {
    super("sse", core);
    this.watchdog = new Watchdog(core.env.clock);
    this.ready = false;
    this.ending = null;
    this.problem = null;
    this.retryMs = void 0;
  }
  async connect() {
    const { core } = this;
    const { signal } = this.stopping;
    this.begin();
    try {
      await readEvents(core.url("/events", { heartbeat: "event" }), {
        fetch: core.env.fetch,
        signal,
        body: JSON.stringify(this.body()),
        headers: { "Content-Type": "text/plain" },
        onEvent: (event) => {
          if (!signal.aborted) this.take(event);
        },
        onRetry: (ms) => {
          this.retryMs = ms;
        }
      });
      if (!signal.aborted) this.lost(this.reaction());
    } catch (error) {
      if (signal.aborted) return;
      this.lost(error instanceof Refusal ? reactionToRefusal(error) : this.ready ? kCut : unreachable(core.base));
    }
  }
  // A `retry:` at the end of a stream is what the server asks for this time.
  reaction() {
    const reaction = this.ending ? reactionToClose(this.ending.code, this.ending.reason, this.problem) : { ...kCut, code: "stream_ended", reason: "the stream ended", blocked: !this.ready };
    return this.ready ? reaction : { ...reaction, afterMs: this.retryMs };
  }
  /** @param {import('./event_stream.js').StreamEvent} event */
  take({ type, data }) {
    const { core } = this;
    this.watchdog.heard();
    if (type === "heartbeat") return;
    const event = { event_type: type, ...JSON.parse(data) };
    if (type === "close") {
      this.ending = event;
    } else if (type === "problem" && event.room !== void 0) {
      this.refuseRoom(event);
    } else if (type === "problem") {
      this.problem = event;
      if (this.ready) core.deliver(this, event);
    } else if (type === "connection_id") {
      this.ready = true;
      const { positions: _positions, ...rest } = event;
      this.watchdog.start((event.heartbeat_interval_ms ?? kHeartbeatMs) + core.silenceTimeoutMs, () => this.lost(kSilent));
      if (this.open(event)) core.deliver(this, rest);
    } else {
      core.deliver(this, event);
    }
  }
  close() {
    super.close();
    this.watchdog.stop();
  }
};

// web/client/websocket_link.js
var kUrlRoomsMax = 30;
var kUrlBytesMax = 4e3;
var kUnderWayMax = 32;
var kPassingRetryMs = 1e3;
var kErrorMs = 1e3;
var WebSocketLink = class extends Link {
  /** @param {import('./core.js').Core} core */
  constructor(core) {
    super("websocket", core);
    this.socket = null;
    this.ready = false;
    this.changing = /* @__PURE__ */ new Set();
    this.publishing = /* @__PURE__ */ new Set();
    this.queue = [];
    this.underWay = /* @__PURE__ */ new Map();
    this.window = kUnderWayMax;
    this.refs = 0;
    this.announced = null;
    this.binaryRoom = null;
    this.refusal = null;
    this.timer = new Timer(core.env.clock);
    this.holdTimer = new Timer(core.env.clock);
    this.watchdog = new Watchdog(core.env.clock);
    this.heartbeatMs = 25e3;
    this.pinged = false;
  }
  connect() {
    const { core } = this;
    const rooms = this.connection.roomsInUrl ? this.roomsForUrl() : [];
    this.asked = new Map(rooms.map((room) => [room, core.subscriptions.get(room)]));
    this.subscriptions = new Map(this.asked);
    this.from = new Map(core.known([...rooms, "@me", "*"]));
    const url = core.url("/ws", { rooms: rooms.join(","), since: namedCursor(this.from) });
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    let socket;
    try {
      socket = new core.env.WebSocket(url.href, ["ringcast.v1"]);
    } catch (error) {
      return this.lost({ ...unreachable(core.base), reason: String(
        /** @type {Error} */
        error.message
      ) });
    }
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      if (this.pinged) this.watch();
      else this.watchdog.heard();
      if (typeof data === "string") this.take(JSON.parse(data));
      else this.takeBytes(data);
    };
    socket.onerror = () => {
      if (this.socket !== socket) return;
      if (socket.readyState === 0) this.lost(unreachable(core.base));
      else this.timer.set(kErrorMs, () => this.lost(kCut));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      if (!this.ready && code === 4003 && this.asked.size && this.connection.candidate === this) {
        this.connection.roomsInUrl = false;
        this.connection.try("websocket");
        return;
      }
      const reaction = reactionToClose(code, reason, this.refusal);
      this.lost(!this.ready && reaction.code === "connection_lost" ? unreachable(core.base) : reaction);
    };
    return void 0;
  }
  roomsForUrl() {
    const rooms = [];
    let bytes = 0;
    for (const room of this.core.subscriptions.keys()) {
      bytes += 2 * encodeURIComponent(room).length + 20;
      if (rooms.length === kUrlRoomsMax || bytes > kUrlBytesMax) break;
      rooms.push(room);
    }
    return rooms;
  }
  /** @param {any} event */
  take(event) {
    const { core } = this;
    const { event_type: type, ref } = event;
    if (!this.ready) {
      if (type === "error") this.refusal = event;
      if (type === "connection_id") this.open(event);
      return;
    }
    if (type === "binary") {
      this.announced = event;
    } else if (ref !== void 0) {
      this.takeAnswer(event);
    } else if (type === "joined") {
      const subscription = this.asked.get(event.room);
      if (subscription) this.confirm(event, subscription);
    } else if (type !== "pong") {
      if (type === "error" || type === "problem") this.refusal = event;
      core.deliver(this, event);
    }
  }
  /** @param {any} event */
  open(event) {
    const { core } = this;
    this.ready = true;
    if (!this.connection.opened(this, event.connection_id ?? "")) return;
    this.heartbeatMs = event.heartbeat_interval_ms ?? this.heartbeatMs;
    this.watch();
    const { event_type: _type, positions = {}, ...rest } = event;
    for (const [name, id] of Object.entries(positions)) {
      if (name[0] === "@" || name === "*") core.begin(this, { [name]: id });
      else if (this.subscriptions.has(name) && !core.positions.has(name)) core.positions.set(name, id);
    }
    core.deliver(this, { event_type: "connection_id", ...rest });
    if (core.status) this.action({ action: "status", status: core.status });
    this.sync();
    this.publish();
  }
  /** @param {ArrayBuffer} data */
  takeBytes(data) {
    const event = this.announced;
    this.announced = null;
    if (event) this.core.deliver(this, { ...event, data: new Uint8Array(data) });
  }
  // --- the queue ----------------------------------------------------------------------------------------------------
  /** @param {any} event */
  takeAnswer(event) {
    const call2 = this.underWay.get(event.ref);
    if (!call2) return;
    this.underWay.delete(event.ref);
    if (event.event_type !== "error") {
      this.window = Math.min(2 * this.window, kUnderWayMax);
      call2.done(null, event);
    } else if (isPassing(event.code)) {
      this.queue.unshift(call2);
      this.window = 1;
      this.holdTimer.set(event.retry_after_ms ?? kPassingRetryMs, () => this.flush());
      return;
    } else {
      call2.done(new RingcastError(event.code, event.message), event);
    }
    this.flush();
  }
  /**
   * @param {Call['fields']} fields
   * @param {Call['done']} done
   * @param {string} [ref]
   */
  call(fields, done, ref = `q${++this.refs}`) {
    this.queue.push({ ref, fields, done });
    this.flush();
  }
  flush() {
    while (this.ready && this.queue.length && this.underWay.size < this.window && !this.holdTimer.pending) {
      const call2 = (
        /** @type {Call} */
        this.queue.shift()
      );
      const fields = call2.fields();
      if (!fields) continue;
      this.underWay.set(call2.ref, call2);
      this.action({ ...fields, ref: call2.ref });
    }
  }
  /**
   * @param {Record<string, unknown>} fields
   * @returns {Promise<any>}
   */
  request(fields) {
    return new Promise((resolve, reject) => {
      this.call(() => fields, (error, event) => error ? reject(error) : resolve(event));
    });
  }
  // Of a room one thing at a time: a join or a leave that the server refuses for now must not overtake the next.
  sync() {
    if (!this.ready) return;
    const { subscriptions } = this.core;
    for (const [room, subscription] of this.asked) {
      if (subscriptions.get(room) !== subscription) this.leave(room);
    }
    for (const [room, subscription] of subscriptions) {
      if (!this.asked.has(room)) this.join(room, subscription);
    }
  }
  /** @param {string} room */
  leave(room) {
    this.subscriptions.delete(room);
    this.change(room, () => ({ action: "leave", room }), () => {
      this.asked.delete(room);
    });
  }
  /**
   * @param {string} room
   * @param {any} subscription
   */
  join(room, subscription) {
    const { core } = this;
    this.change(room, () => {
      if (core.subscriptions.get(room) !== subscription) return null;
      const last_id = core.positions.get(room);
      if (last_id === void 0) this.from.delete(room);
      else this.from.set(room, last_id);
      return { action: "join", room, last_id };
    }, (error, event) => {
      if (error) return core.refused(subscription, error);
      this.asked.set(room, subscription);
      if (core.subscriptions.get(room) !== subscription) return void 0;
      this.subscriptions.set(room, subscription);
      if (!core.positions.has(room)) core.positions.set(room, event.id);
      return this.confirm(event, subscription);
    });
  }
  /**
   * @param {string} room
   * @param {Call['fields']} fields
   * @param {Call['done']} done
   */
  change(room, fields, done) {
    if (this.changing.has(room)) return;
    this.changing.add(room);
    this.call(() => {
      const given = fields();
      if (!given) {
        this.changing.delete(room);
        queueMicrotask(() => this.sync());
      }
      return given;
    }, (error, event) => {
      if (error?.code === "disconnected") return;
      this.changing.delete(room);
      done(error, event);
      this.sync();
    });
  }
  /**
   * @param {any} event
   * @param {any} subscription
   */
  confirm({ room, id, members, replayed, recovered }, subscription) {
    this.core.joined(subscription, this, { type: "joined", room, id, members, replayed, recovered });
  }
  publish() {
    const { core } = this;
    if (!this.ready) return;
    for (const { ref, key, body, echo } of core.pending.values()) {
      if (this.publishing.has(ref)) continue;
      this.publishing.add(ref);
      const action = body.to === void 0 ? "message" : "direct";
      this.call(
        () => core.pending.has(ref) ? { action, ...body, ...echo === false && { echo }, idempotency_key: key } : null,
        (error, event) => {
          if (error?.code === "disconnected") return;
          this.publishing.delete(ref);
          core.settle(ref, error, event);
        },
        ref
      );
    }
  }
  /**
   * @param {string} room
   * @param {Uint8Array | ArrayBuffer} bytes
   */
  sendBinary(room, bytes) {
    if (this.binaryRoom !== room) this.action({ action: "binary", room });
    this.binaryRoom = room;
    this.socket?.send(
      /** @type {any} */
      bytes
    );
  }
  /** @param {string} token */
  renew(token) {
    this.call(() => ({ action: "refresh", token }), (error) => {
      if (error && error.code !== "disconnected") this.connection.replace();
    });
  }
  /** @param {Record<string, unknown>} fields */
  action(fields) {
    if (this.ready && this.socket?.readyState === 1) this.socket.send(JSON.stringify(fields));
  }
  // JavaScript cannot see the server's pings, so a silent server is asked.
  watch() {
    this.pinged = false;
    this.watchdog.start(this.heartbeatMs, () => this.check());
  }
  check() {
    if (this.pinged) return;
    this.pinged = true;
    this.action({ action: "ping" });
    this.watchdog.start(this.core.silenceTimeoutMs, () => this.lost(kSilent));
  }
  close() {
    this.timer.clear();
    this.holdTimer.clear();
    this.watchdog.stop();
    const { socket } = this;
    this.socket = null;
    this.ready = false;
    const error = new RingcastError("disconnected", "the connection was lost before the answer came");
    const calls = [...this.underWay.values(), ...this.queue];
    this.underWay.clear();
    this.queue = [];
    for (const { done } of calls) done(error);
    if (socket && socket.readyState <= 1) socket.close(1e3);
  }
};

// web/client/connection.js
var kLinks = { websocket: WebSocketLink, sse: StreamLink, poll: PollLink };
var kStableMs = 1e4;
var kChangePauseMs = 100;
var kProbeAloneMs = 1e3;
var kTokenRefusalsMax = 2;
var kDelayMaxMs = 3e4;
function backoffMs(attempt, random = Math.random) {
  if (attempt <= 0) return 0;
  const base = 1e3 * 2 ** Math.min(attempt - 1, 10);
  return Math.min(base + random() * base, kDelayMaxMs);
}
var noToken = (why) => ({ do: "again", code: "token", reason: `no token: ${why}`, busy: true });
var Connection = class {
  /**
   * @param {import('./core.js').Core} core
   * @param {readonly Transport[]} [transports]
   */
  constructor(core, transports = ["websocket", "sse", "poll"]) {
    this.core = core;
    const { env } = core;
    this.env = env;
    const unknown = transports.find((kind) => !Object.hasOwn(kLinks, kind));
    if (unknown !== void 0) throw new TypeError(`transport "${unknown}"; there are: ${Object.keys(kLinks).join(", ")}`);
    const kinds = transports.filter((kind) => kind !== "websocket" || env.WebSocket);
    if (!kinds.length) throw new TypeError("no transport is left: pass a WebSocket as options.WebSocket");
    this.ladder = new Ladder(kinds, env);
    this.state = { name: "idle" };
    this.link = null;
    this.candidate = null;
    this.openTimer = new Timer(env.clock);
    this.retryTimer = new Timer(env.clock);
    this.probeTimer = new Timer(env.clock);
    this.changeTimer = new Timer(env.clock);
    this.attempt = 0;
    this.changeAttempt = 0;
    this.openedAt = this.changedAt = this.candidateAt = 0;
    this.afterMs = 0;
    this.tokenWanted = typeof core.tokenSource === "function";
    this.tokenRefusals = 0;
    this.roomsInUrl = true;
  }
  open() {
    if (this.state.name !== "idle" && this.state.name !== "stopped") return;
    this.attempt = this.tokenRefusals = this.afterMs = 0;
    const listen = (
      /** @type {any} */
      globalThis.addEventListener
    );
    if (listen && !this.onOnline) {
      this.onOnline = () => this.online();
      listen("online", this.onOnline);
    }
    this.round();
  }
  /** @param {Reaction} reaction */
  stop({ code, reason }, needsToken = false) {
    if (this.state.name === "stopped") return;
    for (const timer of [this.openTimer, this.retryTimer, this.probeTimer, this.changeTimer]) timer.clear();
    if (this.onOnline) globalThis.removeEventListener?.("online", this.onOnline);
    this.onOnline = void 0;
    this.drop(this.candidate);
    this.drop(this.link);
    this.become({ name: "stopped", code, reason, needsToken });
    this.core.stopped();
  }
  /** @param {Link | null} link */
  drop(link) {
    if (link === this.link) this.link = null;
    if (link === this.candidate) this.candidate = null;
    link?.close();
  }
  /** @param {import('./types.js').State} state */
  become(state) {
    this.state = state;
    this.core.emitter.emit("state", state);
  }
  // --- opening ------------------------------------------------------------------------------------------------------
  // From the best usable transport downwards.
  round() {
    this.retryTimer.clear();
    this.afterMs = 0;
    this.ladder.begin();
    this.try(this.ladder.kind);
  }
  /** @param {Transport} kind */
  async try(kind) {
    this.drop(this.candidate);
    const link = new kLinks[kind](this.core);
    this.candidate = link;
    this.candidateAt = this.env.clock.now();
    this.openTimer.set(this.core.openTimeoutMs, () => this.lost(link, this.tokenWanted ? noToken("none has come in time") : kNoAnswer));
    if (!this.link) this.become({ name: "connecting", transport: kind });
    if (this.candidate !== link) return;
    if (this.tokenWanted) {
      try {
        const token = await this.fetchToken();
        if (this.candidate !== link) return;
        this.takeToken(token);
      } catch (error) {
        this.lost(link, noToken(
          /** @type {Error} */
          error?.message ?? error
        ));
        return;
      }
    }
    link.connect();
  }
  async fetchToken() {
    const { tokenSource } = this.core;
    return typeof tokenSource === "function" ? tokenSource() : tokenSource;
  }
  /** @param {string | null | undefined} token */
  takeToken(token) {
    this.core.token = token ?? "";
    this.tokenWanted = false;
  }
  /**
   * The server has confirmed the link: it takes over. False when it is not wanted any more.
   * @param {Link} link
   * @param {string} connectionId
   */
  opened(link, connectionId) {
    if (link !== this.candidate) return false;
    this.openTimer.clear();
    this.candidate = null;
    const old = this.link;
    this.link = link;
    old?.close();
    this.core.connectionId = connectionId;
    if (old?.kind !== link.kind) this.openedAt = this.env.clock.now();
    this.changedAt = this.env.clock.now();
    this.tokenRefusals = 0;
    this.ladder.opened(link.kind);
    this.probeLater();
    if (old?.kind !== link.kind) this.become({ name: "open", transport: link.kind });
    return this.link === link;
  }
  // --- losing -------------------------------------------------------------------------------------------------------
  /**
   * A link has not opened, or has ended.
   * @param {Link} link
   * @param {Reaction} reaction
   */
  lost(link, reaction) {
    if (link === this.candidate) {
      this.openTimer.clear();
      this.drop(this.candidate);
      if (this.link) this.replacementFailed(link, reaction);
      else this.openingFailed(reaction);
    } else if (link === this.link) {
      this.drop(this.link);
      this.probeTimer.clear();
      this.changeTimer.clear();
      if (this.env.clock.now() - this.openedAt >= kStableMs) {
        this.attempt = 0;
        this.ladder.ended(link.kind, "well");
      } else if (reaction.blocked) {
        this.ladder.ended(link.kind, "early");
      }
      if (this.candidate && reaction.do === "again" && !reaction.busy && !this.afterMs) {
        this.ladder.at = this.ladder.indexOf(this.candidate.kind);
        return this.become({ name: "connecting", transport: this.candidate.kind });
      }
      this.openTimer.clear();
      this.drop(this.candidate);
      this.react(reaction);
    }
    return void 0;
  }
  /** @param {Reaction} reaction */
  openingFailed(reaction) {
    if (reaction.do === "again" && reaction.blocked && this.ladder.failed()) this.try(this.ladder.kind);
    else this.react(reaction);
  }
  /**
   * Beside a link that works.
   * @param {Link} link
   * @param {Reaction} reaction
   */
  replacementFailed(link, reaction) {
    if (link.kind !== this.link?.kind) {
      this.ladder.probeFailed(link.kind);
      if (reaction.do === "token") this.tokenWanted = typeof this.core.tokenSource === "function";
      this.probeLater();
      if (this.link?.outdated) this.change();
      return;
    }
    if (reaction.do === "again") {
      this.changeLater(reaction.afterMs);
    } else if (reaction.do === "token" && this.mayRenewToken()) {
      this.replace();
    } else {
      this.stop(reaction, reaction.do === "token");
    }
  }
  /** @param {Reaction} reaction */
  react(reaction) {
    if (reaction.do === "stop") return this.stop(reaction);
    if (reaction.do === "token" && !this.mayRenewToken()) return this.stop(reaction, true);
    if (reaction.busy) this.attempt = Math.max(this.attempt, 1);
    const delayMs = Math.max(this.afterMs, reaction.afterMs ?? 0, backoffMs(this.attempt++, this.env.random));
    this.retryTimer.set(delayMs, () => this.round());
    return this.become({ name: "waiting", code: reaction.code, reason: reaction.reason, delayMs });
  }
  mayRenewToken() {
    this.tokenWanted = typeof this.core.tokenSource === "function";
    return this.tokenWanted && (this.tokenRefusals++ < kTokenRefusalsMax || this.core.moreTokens());
  }
  // --- while open ---------------------------------------------------------------------------------------------------
  probeLater() {
    this.probeTimer.clear();
    const next = this.ladder.nextProbe();
    if (!next) return;
    this.probeTimer.set(next.delayMs, () => {
      if (this.candidate) this.probeTimer.set(kChangePauseMs, () => this.probeLater());
      else this.try(next.kind);
    });
  }
  // Other rooms, or another token: a link that cannot take them needs a successor. Several changes of one moment are one.
  change() {
    if (!this.link || this.changeTimer.pending || this.candidate?.kind === this.link.kind) return;
    this.changeTimer.set(Math.max(0, this.changedAt + kChangePauseMs - this.env.clock.now()), () => this.replace());
  }
  replace() {
    if (!this.link || this.candidate?.kind === this.link.kind) return;
    if (this.candidate) {
      const leftMs = this.candidateAt + kProbeAloneMs - this.env.clock.now();
      if (leftMs > 0) return this.changeTimer.set(leftMs, () => this.replace());
      this.ladder.probeFailed(this.candidate.kind);
      this.probeLater();
    }
    return this.try(this.link.kind);
  }
  // What the server could not do now it may do later.
  changeLater(afterMs = 0) {
    this.changeTimer.set(Math.max(afterMs, backoffMs(++this.changeAttempt, this.env.random)), () => this.replace());
  }
  // A link that the server has confirmed may be outdated already.
  /** @param {Link} link */
  catchUp(link) {
    this.changeAttempt = 0;
    if (link === this.link && link.outdated) this.change();
  }
  async renewToken() {
    const { link } = this;
    if (typeof this.core.tokenSource !== "function" || !link) return;
    try {
      const token = await this.fetchToken();
      if (this.link !== link) return;
      this.takeToken(token);
      link.renew(this.core.token);
    } catch {
      this.tokenWanted = true;
    }
  }
  /** The device is back on a network: what waits need not wait, and what is open may be dead. */
  online() {
    this.attempt = 0;
    this.ladder.forget();
    if (this.state.name === "waiting") this.round();
    else if (this.link) {
      this.link.check();
      this.probeLater();
    }
  }
};

// web/client/emitter.js
var kIteratorEventsMax = 1e4;
var Emitter = class {
  constructor() {
    this.listeners = /* @__PURE__ */ new Map();
    this.ends = /* @__PURE__ */ new Set();
  }
  /**
   * Returns the function that removes the listener.
   * @param {string} type
   * @param {(argument: any) => void} listener
   * @param {ListenerOptions} [options]
   */
  on(type, listener, { once = false, signal } = {}) {
    const off = () => this.off(type, listener);
    if (signal?.aborted) return off;
    const added = this.listeners.get(type) ?? /* @__PURE__ */ new Map();
    this.listeners.set(type, added);
    added.set(listener, once ? (argument) => {
      off();
      listener(argument);
    } : listener);
    signal?.addEventListener("abort", off, { once: true });
    return off;
  }
  /**
   * @param {string} type
   * @param {Function} listener
   */
  off(type, listener) {
    this.listeners.get(type)?.delete(listener);
  }
  /**
   * @param {string} type
   * @param {any} argument
   */
  emit(type, argument) {
    for (const listener of [...this.listeners.get(type)?.values() ?? []]) call(listener, argument);
    if (type !== "state") for (const listener of [...this.listeners.get("*")?.values() ?? []]) call(listener, argument);
  }
  /** The client has stopped: nothing more comes. */
  end() {
    for (const end of [...this.ends]) end();
  }
  /**
   * Events as they come, until the client stops, the signal is aborted or the loop is left.
   * @param {string} type
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {AsyncIterableIterator<any>}
   */
  iterate(type, { signal } = {}) {
    const waiting = [];
    const readers = [];
    let done = false;
    let problem;
    const end = () => {
      if (done) return;
      done = true;
      off();
      this.ends.delete(end);
      signal?.removeEventListener("abort", end);
      for (const { resolve } of readers.splice(0)) resolve({ value: void 0, done: true });
    };
    const off = this.on(type, (event) => {
      const reader = readers.shift();
      if (reader) return reader.resolve({ value: event, done: false });
      waiting.push(event);
      if (waiting.length <= kIteratorEventsMax) return void 0;
      problem = new RingcastError("too_slow", `${kIteratorEventsMax} events wait for a loop that does not take them`);
      waiting.length = 0;
      return end();
    });
    this.ends.add(end);
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) end();
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next() {
        if (waiting.length) return Promise.resolve({ value: waiting.shift(), done: false });
        if (problem) {
          const error = problem;
          problem = void 0;
          return Promise.reject(error);
        }
        if (done) return Promise.resolve({ value: void 0, done: true });
        return new Promise((resolve, reject) => {
          readers.push({ resolve, reject });
        });
      },
      return() {
        end();
        waiting.length = 0;
        return Promise.resolve({ value: void 0, done: true });
      }
    };
  }
};
function call(listener, argument) {
  try {
    listener(argument);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

// web/client/core.js
var kNotInSequence = /* @__PURE__ */ new Set(["ack", "joined", "left", "members", "history", "gap", "lagged", "connection_id", "error", "problem"]);
var isInSequence = ({ room, id, type }) => room !== void 0 && Number.isSafeInteger(id) && !kNotInSequence.has(type);
var Subscription = class {
  /** @param {string} room */
  constructor(room) {
    this.room = room;
    this.joining = null;
    this.resolve = () => {
    };
    this.reject = () => {
    };
    this.confirmed = null;
  }
};
var Core = class {
  /** @param {import('./types.js').ClientOptions} options */
  constructor(options) {
    this.env = environmentOf(options);
    this.base = new URL(options.url ?? globalThis.location?.href);
    this.user = options.user ?? "";
    this.tenant = options.tenant ?? "";
    this.tokenSource = options.token ?? "";
    this.token = typeof this.tokenSource === "string" ? this.tokenSource : "";
    this.moreTokens = () => false;
    this.signal = options.signal;
    this.openTimeoutMs = options.openTimeoutMs ?? 1e4;
    this.silenceTimeoutMs = options.silenceTimeoutMs ?? 1e4;
    this.pollTimeoutMs = options.pollTimeoutMs ?? 25e3;
    this.pendingMax = options.pendingMax ?? 1e3;
    this.emitter = new Emitter();
    this.subscriptions = new Map(roomList(options.rooms).map((room) => [room, new Subscription(room)]));
    const positions = options.positions ?? {};
    this.positions = new Map(positions instanceof Map ? positions : Object.entries(positions));
    this.pending = /* @__PURE__ */ new Map();
    this.keyPrefix = this.env.random().toString(36).slice(2, 12) + this.env.clock.now().toString(36);
    this.refs = 0;
    this.status = "";
    this.connectionId = "";
    this.connection = new Connection(this, options.transports);
  }
  get link() {
    return this.connection.link;
  }
  // --- rooms --------------------------------------------------------------------------------------------------------
  /**
   * @param {string} room
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  join(room, signal) {
    try {
      signal?.throwIfAborted();
      checkRoom(room);
    } catch (error) {
      return Promise.reject(error);
    }
    let subscription = this.subscriptions.get(room);
    if (this.connection.state.name === "stopped") return Promise.reject(this.closedError());
    if (!subscription) {
      subscription = new Subscription(room);
      this.subscriptions.set(room, subscription);
      this.link?.sync();
    }
    if (this.link && subscription.confirmed === this.link) return Promise.resolve({ type: "joined", room, id: this.positions.get(room) });
    const target = subscription;
    const joining = target.joining ??= new Promise((resolve, reject) => Object.assign(target, { resolve, reject }));
    joining.catch(() => {
    });
    if (!signal) return joining;
    return new Promise((resolve, reject) => {
      const aborted = () => {
        reject(signal.reason);
        if (this.subscriptions.get(room) === subscription) this.leave(room);
      };
      signal.addEventListener("abort", aborted, { once: true });
      joining.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
    });
  }
  /** @param {string} room */
  leave(room) {
    const subscription = this.subscriptions.get(room);
    if (!subscription) return;
    this.forget(subscription, new RingcastError("left", `left ${room}`));
    this.link?.sync();
  }
  /**
   * The server has confirmed it over this link.
   * @param {Subscription} subscription
   * @param {import('./link.js').Link} link
   * @param {any} event
   */
  joined(subscription, link, event) {
    if (this.subscriptions.get(subscription.room) !== subscription) return;
    const again = subscription.confirmed !== null;
    subscription.confirmed = link;
    subscription.joining = null;
    subscription.resolve(event);
    if (!again) this.emit(event);
  }
  /**
   * @param {Subscription} subscription
   * @param {{ code: string, message: string }} error
   */
  refused(subscription, { code, message }) {
    if (this.subscriptions.get(subscription.room) !== subscription) return;
    this.forget(subscription, new RingcastError(code, message));
    this.emit({ type: "error", room: subscription.room, code, message });
  }
  /**
   * @param {Subscription} subscription
   * @param {unknown} error
   */
  forget(subscription, error) {
    this.subscriptions.delete(subscription.room);
    this.positions.delete(subscription.room);
    subscription.reject(error);
  }
  // What a stream has to name and a WebSocket hears by itself. An anonymous client has no inbox.
  get ownChannels() {
    return this.user || this.token ? ["@me", "*"] : ["*"];
  }
  /**
   * Those of the channels that have a position.
   * @param {Iterable<string>} channels
   * @returns {[string, number][]}
   */
  known(channels) {
    return [...channels].flatMap((channel) => {
      const id = this.positions.get(channel);
      return id === void 0 ? [] : [
        /** @type {[string, number]} */
        [channel, id]
      ];
    });
  }
  // --- publishing ---------------------------------------------------------------------------------------------------
  /**
   * @param {Record<string, string>} target
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<any>}
   */
  publish(target, payload, { event, echo, idempotencyKey, signal } = {}) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.connection.state.name === "stopped") return Promise.reject(this.closedError());
    if (this.pending.size >= this.pendingMax) {
      return Promise.reject(new RingcastError("too_many_pending", `${this.pendingMax} messages wait to be confirmed`));
    }
    const ref = `p${++this.refs}`;
    const body = { ...target, ...typeof payload === "string" ? { content: payload } : { data: payload }, ...event && { event } };
    return new Promise((resolve, reject) => {
      const aborted = () => this.settle(ref, signal?.reason);
      const settled = () => signal?.removeEventListener("abort", aborted);
      this.pending.set(ref, {
        ref,
        key: idempotencyKey ?? `${this.keyPrefix}-${ref}`,
        body,
        echo,
        resolve: (ack) => {
          settled();
          resolve(ack);
        },
        reject: (error) => {
          settled();
          reject(error);
        }
      });
      signal?.addEventListener("abort", aborted);
      this.link?.publish();
    });
  }
  /**
   * @param {string} ref
   * @param {unknown} error
   * @param {any} [answer]
   */
  settle(ref, error, answer) {
    const message = this.pending.get(ref);
    if (!message) return;
    this.pending.delete(ref);
    if (error) message.reject(error);
    else message.resolve({ id: answer.id, receivers: answer.receivers, duplicate: answer.duplicate === true });
  }
  // --- the connection's life ----------------------------------------------------------------------------------------
  closedError() {
    return new RingcastError(
      "closed",
      /** @type {any} */
      this.connection.state.reason
    );
  }
  /** The connection has stopped: what waits is rejected. */
  stopped() {
    const error = this.closedError();
    for (const ref of [...this.pending.keys()]) this.settle(ref, error);
    for (const subscription of this.subscriptions.values()) {
      subscription.confirmed = subscription.joining = null;
      subscription.reject(error);
    }
    this.emitter.end();
  }
  /**
   * @param {string} path
   * @param {Record<string, unknown>} [query]
   */
  url(path, query = {}) {
    const url = new URL(this.base);
    url.pathname = this.base.pathname.replace(/[^/]*$/, "") + path.slice(1);
    url.hash = "";
    url.search = Object.entries({ user: this.user, token: this.token, tenant: this.tenant, ...query }).filter(([, value]) => value !== void 0 && value !== "").map(([key, value]) => `${key}=${key === "since" ? value : encodeURIComponent(String(value))}`).join("&");
    return url;
  }
  // --- what the server sends, over any transport --------------------------------------------------------------------
  /** @param {any} event */
  emit(event) {
    this.emitter.emit(event.type, event);
  }
  /**
   * Where a link that has opened begins. A channel that is ahead of it has heard more over the link before.
   * @param {import('./link.js').Link} link
   * @param {Record<string, number>} positions
   */
  begin(link, positions) {
    for (const [name, id] of Object.entries(positions)) {
      const channel = keyOf(name);
      const subscription = link.subscriptions.get(channel);
      const own = channel === "@me" || channel === "*";
      if (!own && !(subscription && subscription === this.subscriptions.get(channel))) continue;
      if (!this.positions.has(channel)) this.positions.set(channel, id);
      if (subscription) this.joined(subscription, link, { type: "joined", room: channel, id });
    }
  }
  /**
   * @param {import('./link.js').Link} link
   * @param {Record<string, any>} raw
   */
  deliver(link, raw) {
    if (link !== this.link) return;
    const event = camelCase(raw);
    const channel = event.room === void 0 ? void 0 : keyOf(event.room);
    const subscription = channel === void 0 ? void 0 : link.subscriptions.get(channel);
    if (channel !== void 0 && channel !== "@me" && channel !== "*" && event.type !== "error" && !(subscription && subscription === this.subscriptions.get(channel))) return;
    switch (event.type) {
      case "gap":
        if (!this.takeGap(link, channel ?? "", event)) return;
        break;
      case "left":
        if (!subscription) return;
        link.subscriptions.delete(subscription.room);
        link.asked.delete(subscription.room);
        this.forget(subscription, new RingcastError(event.reason, `taken out of ${channel}: ${event.reason}`));
        break;
      case "reconnect":
        this.connection.afterMs = event.afterMs ?? 0;
        break;
      case "token_expiring":
        this.connection.renewToken();
        break;
      default:
        if (channel !== void 0 && isInSequence(event)) {
          if (event.id <= (this.positions.get(channel) ?? -1)) return;
          this.positions.set(channel, event.id);
        }
    }
    this.emit(event);
  }
  // True when something is missing. What follows is all that is left.
  /**
   * @param {import('./link.js').Link} link
   * @param {string} channel
   * @param {{ oldest: number }} event
   */
  takeGap(link, channel, { oldest }) {
    const position = this.positions.get(channel);
    const named = link.from.get(channel);
    if (position !== void 0 && named !== void 0 && oldest - 1 > named && position >= oldest - 1) return false;
    this.positions.set(channel, Math.max(oldest - 1, 0));
    return true;
  }
};

// web/client/listening.js
var Listening = class {
  #emitter;
  /** @param {import('./emitter.js').Emitter} emitter */
  constructor(emitter) {
    this.#emitter = emitter;
  }
  /**
   * Calls `listener` for each event of the type; '*' is every event, 'state' each change of the state. Returns the
   * function that removes the listener.
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
   * @param {import('./types.js').ListenerOptions} [options]
   * @returns {() => void}
   */
  on(type, listener, options) {
    return this.#emitter.on(type, listener, options);
  }
  /**
   * The same for the next event only.
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
   * @param {import('./types.js').ListenerOptions} [options]
   * @returns {() => void}
   */
  once(type, listener, options) {
    return this.#emitter.on(type, listener, { ...options, once: true });
  }
  /**
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
   */
  off(type, listener) {
    this.#emitter.off(type, listener);
  }
  /**
   * The events of the type from now on, for `for await`. The loop ends when the client stops or the signal is aborted.
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {AsyncIterableIterator<import('./types.js').EventOf<Events, Type>>}
   */
  events(type, options) {
    return this.#emitter.iterate(type, options);
  }
};

// web/client/client.js
var kReadAttemptsMax = 3;
var kReadPauseMs = 1e3;
var Client = class extends Listening {
  #core;
  /** @param {import('./types.js').ClientOptions} [options] */
  constructor(options = {}) {
    const core = options instanceof Core ? options : new Core(options);
    super(core.emitter);
    this.#core = core;
    const { signal } = core;
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close(), { once: true });
  }
  /** @returns {import('./types.js').State} */
  get state() {
    return this.#core.connection.state;
  }
  /** The transport that is open, or being opened. */
  get transport() {
    return this.state.transport;
  }
  /** The rooms that are followed. */
  get rooms() {
    return [...this.#core.subscriptions.keys()];
  }
  /**
   * By channel, the id of the last message taken: a copy, which survives JSON and goes into the options of a later client.
   * @returns {Record<string, number>}
   */
  get positions() {
    return Object.fromEntries(this.#core.positions);
  }
  /** Of the connection that is open, as the server names it; empty over polling. */
  get connectionId() {
    return this.#core.connectionId;
  }
  /** @returns {this} */
  open() {
    this.#core.connection.open();
    return this;
  }
  /** For good, until open() is called again. What has not been confirmed is rejected. */
  close() {
    this.#core.connection.stop({ do: "stop", code: "closed", reason: "closed by the application" });
  }
  // --- rooms and messages -------------------------------------------------------------------------------------------
  /**
   * Resolves when the server has taken the client in. Rejected, the room is not followed.
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').JoinedEvent>}
   */
  join(room, { signal } = {}) {
    return this.#core.join(room, signal);
  }
  /** @param {string} room */
  leave(room) {
    this.#core.leave(room);
  }
  /**
   * A string goes as `content`, anything else as `data`. Resolves when the server has given the message its id. It is sent
   * again until then, with one key, so that it is never published twice.
   * @template {keyof Events & string} Type
   * @overload
   * @param {string} room
   * @param {Events[Type]} payload
   * @param {import('./types.js').PublishOptions & { event: Type }} options
   * @returns {Promise<import('./types.js').Published>}
   */
  /**
   * @overload
   * @param {string} room
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions & { event?: undefined }} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  /**
   * @param {string} room
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  publish(room, payload, options) {
    return this.#core.publish({ room }, payload, options);
  }
  /**
   * The same to a user's inbox.
   * @param {string} user
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  direct(user, payload, options) {
    return this.#core.publish({ to: user }, payload, options);
  }
  /**
   * Binary messages are neither confirmed nor repeated: over a WebSocket that is open, else a RingcastError
   * `needs_websocket` is thrown.
   * @param {string} room
   * @param {Uint8Array | ArrayBuffer} bytes
   */
  sendBinary(room, bytes) {
    const link = (
      /** @type {any} */
      this.#core.link
    );
    if (!link?.sendBinary) throw new RingcastError("needs_websocket", "binary messages need an open WebSocket");
    link.sendBinary(room, bytes);
  }
  /**
   * Passing: sent when there is a WebSocket to send it on, else not at all.
   * @param {string} room
   */
  typing(room) {
    this.#core.link?.action?.({ action: "typing", room });
  }
  /**
   * The user's status, over WebSockets; set again after a reconnect.
   * @param {import('./types.js').Status} status
   */
  setStatus(status) {
    this.#core.status = status;
    this.#core.link?.action?.({ action: "status", status });
  }
  /**
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').Members>}
   */
  members(room, options) {
    return this.#read("members", { room }, options?.signal);
  }
  /**
   * Without `after` the newest messages, else those that follow that id.
   * @param {string} room
   * @param {import('./types.js').HistoryOptions} [options]
   * @returns {Promise<import('./types.js').History>}
   */
  async history(room, { after, limit, signal } = {}) {
    const answer = await this.#read("history", { room, after, limit }, signal);
    return { ...answer, messages: answer.messages.map(camelCase) };
  }
  /**
   * @param {string} what
   * @param {Record<string, unknown>} fields
   * @param {AbortSignal} [signal]
   */
  async #read(what, fields, signal) {
    const core = this.#core;
    signal?.throwIfAborted();
    if (core.connection.state.name === "stopped") throw core.closedError();
    const link = (
      /** @type {any} */
      core.link
    );
    if (link?.request) return within(core, link.request({ action: what, ...fields }), signal);
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(core, `/${what}`, { query: fields, signal });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        const retryAfterMs = retryAfterOf(error);
        if (!(error instanceof Refusal) || retryAfterMs < 0 || attempt === kReadAttemptsMax) throw asRingcastError(error, core.base);
        await within(core, new Promise((resolve) => {
          new Timer(core.env.clock).set(Math.max(retryAfterMs, kReadPauseMs), () => resolve(void 0));
        }), signal, Infinity);
      }
    }
  }
};
function within(core, answer, signal, timeoutMs = core.openTimeoutMs + core.silenceTimeoutMs) {
  return new Promise((resolve, reject) => {
    const timer = new Timer(core.env.clock);
    const aborted = () => reject(signal?.reason);
    signal?.addEventListener("abort", aborted);
    if (timeoutMs !== Infinity) timer.set(timeoutMs, () => reject(new RingcastError("timeout", `no answer within ${timeoutMs} ms`)));
    answer.then(resolve, reject).finally(() => {
      timer.clear();
      signal?.removeEventListener("abort", aborted);
    });
    answer.catch(() => {
    });
  });
}

// web/client/shared.js
var kPingMs = 5e3;
var kAnswerMs = 15e3;
var kWorkersMax = 3;
function connect({ shared = false, ...options } = {}) {
  const client = shared && globalThis.SharedWorker ? new SharedClient(options) : new Client(options);
  return client.open();
}
var SharedClient = class extends Listening {
  #emitter;
  #options;
  #token;
  #name;
  #workerUrl;
  /** @type {Set<string>} */
  #rooms;
  /** @type {Map<string, number>} */
  #positions;
  /** @type {import('./types.js').State} */
  #state = { name: "idle" };
  /** @type {Map<number, TabCall>} */
  #calls = /* @__PURE__ */ new Map();
  #numbers = 0;
  #keys = `${Math.random().toString(36).slice(2, 12)}${Date.now().toString(36)}`;
  /** @type {MessagePort | null} */
  #port = null;
  /** @type {any[] | null} what is said before the worker may know of this tab */
  #outbox = null;
  #lock = "";
  #release = () => {
  };
  /** @type {any} */
  #pingTimer;
  /** @type {any} */
  #answerTimer;
  #unanswered = 0;
  #connectionId = "";
  /** @type {import('./types.js').Status | undefined} */
  #status;
  /** @param {import('./types.js').ConnectOptions} [options] */
  constructor(options = {}) {
    const {
      url = globalThis.location.href,
      user = "",
      tenant = "",
      token = "",
      rooms,
      positions = {},
      workerUrl,
      signal,
      clock: _clock,
      random: _random,
      fetch: _fetch,
      WebSocket: _socket,
      shared: _shared,
      ...rest
    } = options;
    const emitter = new Emitter();
    super(emitter);
    this.#emitter = emitter;
    const base = new URL(url, globalThis.location?.href);
    this.#token = token;
    this.#rooms = new Set(roomList(rooms));
    this.#positions = new Map(positions instanceof Map ? positions : Object.entries(positions));
    this.#options = { ...rest, url: base.href, user, tenant };
    this.#name = `ringcast ${JSON.stringify([base.origin, base.pathname, user, tenant])}`;
    this.#workerUrl = workerUrl ?? new URL("./shared_worker.js", void 0);
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close(), { once: true });
  }
  get state() {
    return this.#state;
  }
  get transport() {
    return this.#state.transport;
  }
  get rooms() {
    return [...this.#rooms];
  }
  get positions() {
    return Object.fromEntries(this.#positions);
  }
  get connectionId() {
    return this.#connectionId;
  }
  /** @returns {this} */
  open() {
    if (!this.#port) {
      this.#unanswered = 0;
      this.#start();
    } else if (this.#state.name === "stopped") {
      this.#say({ do: "open", token: this.#fixedToken });
      this.#connecting();
    }
    return this;
  }
  close() {
    if (this.#port) this.#say({ do: "bye" });
    this.#end({ code: "closed", reason: "closed by the application" });
  }
  // --- the worker ---------------------------------------------------------------------------------------------------
  #connecting() {
    this.#become({ name: "connecting", transport: this.#options.transports?.[0] ?? "websocket" });
  }
  get #fixedToken() {
    return typeof this.#token === "function" ? void 0 : this.#token;
  }
  #start() {
    this.#connecting();
    let worker;
    try {
      worker = new SharedWorker(this.#workerUrl, { type: "module", name: this.#name });
    } catch (error) {
      return this.#end({ code: "worker", reason: String(
        /** @type {Error} */
        error.message
      ) });
    }
    const { port } = worker;
    this.#port = port;
    this.#outbox = [];
    worker.onerror = () => {
      if (this.#port === port) this.#end({ code: "worker", reason: this.#failed("cannot be loaded") });
    };
    this.#expectAnswer();
    port.onmessage = ({ data }) => {
      if (this.#port === port) this.#take(data);
    };
    this.#pingTimer = setInterval(() => this.#ping(), kPingMs);
    if (globalThis.navigator?.locks) {
      const lock = `ringcast tab ${crypto.randomUUID()}`;
      navigator.locks.request(lock, () => new Promise((release) => {
        if (this.#port !== port) return release(void 0);
        this.#lock = lock;
        this.#release = () => release(void 0);
        return this.#hello();
      }));
    } else {
      addEventListener("pagehide", this.#hide);
      addEventListener("pageshow", this.#show);
      this.#hello();
    }
    return void 0;
  }
  /** @param {string} how */
  #failed(how) {
    return `the SharedWorker at ${this.#workerUrl} ${how}`;
  }
  #hide = () => this.#say({ do: "bye" });
  /** @param {{ persisted: boolean }} event */
  #show = ({ persisted }) => {
    if (persisted && this.#port) this.#hello();
  };
  #hello() {
    const early = this.#outbox ?? [];
    this.#outbox = null;
    this.#say({
      do: "hello",
      options: this.#options,
      rooms: [...this.#rooms],
      positions: Object.fromEntries(this.#positions),
      lock: this.#lock,
      token: this.#fixedToken,
      asksToken: typeof this.#token === "function",
      status: this.#status
    });
    for (const message of early) this.#say(message);
  }
  #ping() {
    this.#say({ do: "ping" });
    if (this.#answerTimer === void 0) this.#expectAnswer();
  }
  #expectAnswer() {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#dead(), kAnswerMs);
  }
  // The worker has died. Another takes over; if it has not, it is the same one and knows this tab anew.
  #dead() {
    this.#letGo();
    const reason = this.#failed(`has not answered within ${kAnswerMs / 1e3} s`);
    if (++this.#unanswered >= (this.#lived ? kWorkersMax : 1)) return this.#end({ code: "worker", reason });
    for (const [number, { repeatable, reject }] of [...this.#calls]) {
      if (repeatable) continue;
      this.#calls.delete(number);
      reject(new RingcastError("disconnected", reason));
    }
    this.#become({ name: "waiting", code: "worker", reason, delayMs: 0 });
    if (this.#state.name !== "waiting") return void 0;
    this.#start();
    for (const { message } of this.#calls.values()) this.#say(message);
    return void 0;
  }
  #lived = false;
  #letGo() {
    clearInterval(this.#pingTimer);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = void 0;
    this.#port?.close();
    this.#port = null;
    this.#outbox = null;
    this.#release();
    this.#release = () => {
    };
    removeEventListener("pagehide", this.#hide);
    removeEventListener("pageshow", this.#show);
  }
  /** @param {{ code: string, reason: string }} why */
  #end({ code, reason }) {
    this.#letGo();
    if (this.#state.name === "stopped") return;
    this.#become({ name: "stopped", code, reason, needsToken: false });
    this.#rejectAll();
    this.#emitter.end();
  }
  #rejectAll() {
    const error = this.#closedError();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
  get #isOpen() {
    return this.#port && this.#state.name !== "stopped";
  }
  #closedError() {
    return new RingcastError(
      "closed",
      /** @type {any} */
      this.#state.reason ?? "the client is not open"
    );
  }
  /** @param {import('./types.js').State} state */
  #become(state) {
    this.#state = state;
    this.#emitter.emit("state", state);
  }
  /** @param {any} message */
  #say(message) {
    if (this.#outbox) this.#outbox.push(message);
    else this.#port?.postMessage(message);
  }
  /** @param {any} message */
  async #take({ event, state, number, value, error, asksToken, connectionId }) {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = void 0;
    this.#unanswered = 0;
    this.#lived = true;
    if (event) {
      this.#hear(event);
    } else if (state) {
      this.#connectionId = connectionId;
      this.#become(state);
      if (state.name === "stopped") {
        this.#rejectAll();
        this.#emitter.end();
      }
    } else if (asksToken) {
      try {
        const token = typeof this.#token === "function" ? await this.#token() : this.#token;
        this.#say({ do: "token", number: asksToken, token });
      } catch (problem) {
        this.#say({ do: "token", number: asksToken, error: String(
          /** @type {any} */
          problem?.message ?? problem
        ) });
      }
    } else if (number) {
      const call2 = this.#calls.get(number);
      this.#calls.delete(number);
      if (error) call2?.reject(new RingcastError(error.code, error.message));
      else call2?.resolve(value);
    }
  }
  /** @param {any} event */
  #hear(event) {
    const channel = event.room === void 0 ? void 0 : keyOf(event.room);
    const own = channel === void 0 || channel === "@me" || channel === "*";
    if (!own && event.type !== "error" && !this.#rooms.has(channel)) return;
    if (channel !== void 0) {
      if (event.type === "left") {
        this.#rooms.delete(channel);
        this.#positions.delete(channel);
      } else if (event.type === "gap") {
        this.#positions.set(channel, Math.max(event.oldest - 1, 0));
      } else if (event.type === "joined") {
        if (!this.#positions.has(channel)) this.#positions.set(channel, event.id);
      } else if (isInSequence(event)) {
        if (event.id <= (this.#positions.get(channel) ?? -1)) return;
        this.#positions.set(channel, event.id);
      }
    }
    this.#emitter.emit(event.type, event);
  }
  // --- what an application does -------------------------------------------------------------------------------------
  /**
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').JoinedEvent>}
   */
  async join(room, { signal } = {}) {
    checkRoom(room);
    signal?.throwIfAborted();
    if (!this.#isOpen) throw this.#closedError();
    this.#rooms.add(room);
    try {
      const joined = await this.#call("join", [room], { signal, repeatable: true });
      if (this.#rooms.has(room) && !this.#positions.has(room)) this.#positions.set(room, joined.id);
      return joined;
    } catch (error) {
      const { code } = (
        /** @type {any} */
        error
      );
      if (signal?.aborted) this.leave(room);
      else if (code !== "closed" && code !== "left") this.#forget(room);
      throw error;
    }
  }
  /** @param {string} room */
  leave(room) {
    if (!this.#rooms.has(room)) return;
    this.#forget(room);
    for (const [number, { message, reject }] of [...this.#calls]) {
      if (message.name !== "join" || message.args[0] !== room) continue;
      this.#calls.delete(number);
      reject(new RingcastError("left", `left ${room}`));
    }
    this.#say({ do: "leave", room });
  }
  /** @param {string} room */
  #forget(room) {
    this.#rooms.delete(room);
    this.#positions.delete(room);
  }
  /**
   * @template {keyof Events & string} Type
   * @overload
   * @param {string} room
   * @param {Events[Type]} payload
   * @param {import('./types.js').PublishOptions & { event: Type }} options
   * @returns {Promise<import('./types.js').Published>}
   */
  /**
   * @overload
   * @param {string} room
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions & { event?: undefined }} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  /**
   * @param {string} room
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  publish(room, payload, options) {
    return this.#publish("publish", room, payload, options);
  }
  /**
   * @param {string} user
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  direct(user, payload, options) {
    return this.#publish("direct", user, payload, options);
  }
  /**
   * @param {string} name
   * @param {string} target
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   */
  #publish(name, target, payload, { signal, ...options } = {}) {
    const keyed = { ...options, idempotencyKey: options.idempotencyKey ?? `${this.#keys}-${this.#numbers + 1}` };
    return this.#call(name, [target, payload, keyed], { signal, repeatable: true });
  }
  /**
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').Members>}
   */
  members(room, { signal } = {}) {
    return this.#call("members", [room], { signal });
  }
  /**
   * @param {string} room
   * @param {import('./types.js').HistoryOptions} [options]
   * @returns {Promise<import('./types.js').History>}
   */
  history(room, { signal, ...options } = {}) {
    return this.#call("history", [room, options], { signal });
  }
  /**
   * @param {string} room
   * @param {Uint8Array | ArrayBuffer} bytes
   * @returns {Promise<void>}
   */
  sendBinary(room, bytes) {
    return this.#call("sendBinary", [room, bytes]);
  }
  /** @param {string} room */
  typing(room) {
    this.#say({ do: "call", name: "typing", args: [room] });
  }
  /** @param {import('./types.js').Status} status */
  setStatus(status) {
    this.#status = status;
    this.#say({ do: "call", name: "setStatus", args: [status] });
  }
  /**
   * @param {string} name
   * @param {any[]} args
   * @param {{ signal?: AbortSignal, repeatable?: boolean }} [options]
   * @returns {Promise<any>}
   */
  #call(name, args, { signal, repeatable = false } = {}) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!this.#isOpen) return Promise.reject(this.#closedError());
    const number = ++this.#numbers;
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#calls.delete(number);
        this.#say({ do: "cancel", number });
        reject(signal?.reason);
      };
      const settled = () => signal?.removeEventListener("abort", aborted);
      signal?.addEventListener("abort", aborted);
      const message = { do: "call", number, name, args };
      this.#calls.set(number, {
        message,
        repeatable,
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        }
      });
      this.#say(message);
    });
  }
};
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  Client,
  EventParser,
  RingcastError,
  SharedClient,
  connect,
  readEvents
});
