// SPDX-License-Identifier: Apache-2.0
// The types of the public interface; no code. docs/client.md says what they mean.

/** @typedef {import('./ladder.js').Transport} Transport */

/**
 * `@me` is one's own inbox, `*` is the broadcast channel; everything else is a room.
 * @typedef {string} Channel
 */

/**
 * @typedef {object} ClientOptions
 * @property {string | URL} [url] The server's address; a path is taken as where it is mounted. Default: the page's own.
 * @property {string} [user]
 * @property {string} [tenant]
 * @property {string | (() => string | Promise<string>)} [token] A token, or where to fetch one: called at the start, when one expires, and when one was refused.
 * @property {readonly string[] | ReadonlySet<string>} [rooms]
 * @property {Readonly<Record<Channel, number>> | ReadonlyMap<Channel, number>} [positions] Where to go on from, as kept from an earlier client's `positions`.
 * @property {readonly Transport[]} [transports] In order of preference. Default: all three.
 * @property {AbortSignal} [signal] Closes the client when it is aborted.
 * @property {unknown} [WebSocket] For Node 18 to 20, e.g. that of the package `ws`.
 * @property {typeof globalThis.fetch} [fetch]
 * @property {import('./environment.js').Clock} [clock]
 * @property {() => number} [random] In [0, 1).
 * @property {number} [openTimeoutMs] How long a transport may take to open before the next is tried. Default: 10000.
 * @property {number} [silenceTimeoutMs] How long a silent server may take to prove that it lives. Default: 10000.
 * @property {number} [pollTimeoutMs] How long a poll waits at the server, up to 120000. Default: 25000.
 * @property {number} [pendingMax] How many messages may wait to be confirmed. Default: 1000.
 */

/**
 * @typedef {object} SharedOptions
 * @property {boolean} [shared] One connection for all tabs, in a SharedWorker.
 * @property {string | URL} [workerUrl] Where shared_worker.js is served, if not beside this module.
 */

/** @typedef {ClientOptions & SharedOptions} ConnectOptions */

/**
 * @typedef {{ readonly name: 'idle', readonly transport?: undefined }
 *   | { readonly name: 'connecting', readonly transport: Transport }
 *   | { readonly name: 'open', readonly transport: Transport }
 *   | { readonly name: 'waiting', readonly transport?: undefined, readonly code: string, readonly reason: string, readonly delayMs: number }
 *   | { readonly name: 'stopped', readonly transport?: undefined, readonly code: string, readonly reason: string, readonly needsToken: boolean }} State
 */

/**
 * A message of a channel. A string that was published comes as `content`, anything else as `data`.
 * @template [Data=unknown]
 * @typedef {object} Message
 * @property {string} type
 * @property {Channel} room
 * @property {number} id
 * @property {string} user
 * @property {string} timestamp
 * @property {string} [content]
 * @property {Data} [data]
 */

/** @typedef {{ type: 'binary', room: string, id: number, user: string, timestamp: string, bytes: number, data: Uint8Array }} BinaryMessage */
/** @typedef {{ type: 'connection_id', connectionId: string, user: string, heartbeatIntervalMs?: number }} ConnectionIdEvent */
/** @typedef {{ type: 'joined', room: string, id: number, members?: number, replayed?: number, recovered?: boolean }} JoinedEvent */
/** @typedef {{ type: 'left', room: string, reason: 'final' | 'kicked' | 'closed' }} LeftEvent */
/** @typedef {{ type: 'gap', room: Channel, oldest: number, reset?: boolean }} GapEvent */
/** @typedef {{ type: 'lagged', room: Channel, missed: number, from: number, to: number }} LaggedEvent */
/** @typedef {{ type: 'error', room?: string, code: string, message: string, retryAfterMs?: number }} ErrorEvent */
/** @typedef {{ type: 'problem', code: string, message: string }} ProblemEvent */
/** @typedef {{ type: 'typing', room: string, user: string }} TypingEvent */
/** @typedef {{ type: 'status', room?: string, user: string, status: Status }} StatusEvent */
/** @typedef {{ type: 'member_joined', room: string, user: string, members: number, status?: Status }} MemberJoinedEvent */
/** @typedef {{ type: 'member_left', room: string, user: string, members: number }} MemberLeftEvent */
/** @typedef {{ type: 'reconnect', afterMs: number }} ReconnectEvent */
/** @typedef {{ type: 'token_expiring', expiresInMs?: number }} TokenExpiringEvent */
/** @typedef {'online' | 'away' | 'busy'} Status */

/**
 * What the client itself emits, by type.
 * @typedef {{
 *   message: Message, direct: Message, binary: BinaryMessage, connection_id: ConnectionIdEvent, joined: JoinedEvent,
 *   left: LeftEvent, gap: GapEvent, lagged: LaggedEvent, error: ErrorEvent, problem: ProblemEvent, typing: TypingEvent,
 *   status: StatusEvent, member_joined: MemberJoinedEvent, member_left: MemberLeftEvent, reconnect: ReconnectEvent,
 *   token_expiring: TokenExpiringEvent, state: State,
 * }} OwnEvents
 */

/**
 * Any event: for listeners of '*'.
 * @typedef {{ type: string, room?: Channel, id?: number, user?: string, content?: string, data?: any, timestamp?: string, [field: string]: any }} AnyEvent
 */

/**
 * What a listener of `Type` gets. `Events` maps the application's own event types to the data that they carry.
 * @template {Record<string, any>} Events
 * @template {string} Type
 * @typedef {Type extends keyof OwnEvents ? OwnEvents[Type] : Type extends '*' ? AnyEvent : Message<Type extends keyof Events ? Events[Type] : unknown>} EventOf
 */

/**
 * The names of events: an application that has named its own is held to them.
 * @template {Record<string, any>} Events
 * @typedef {keyof OwnEvents | '*' | (string & keyof Events)} EventName
 */

/** @typedef {{ once?: boolean, signal?: AbortSignal }} ListenerOptions */

/**
 * @typedef {object} PublishOptions
 * @property {string} [event] A type of one's own, `[A-Za-z0-9_.:-]{1,64}`.
 * @property {boolean} [echo] false: this connection does not hear its own message.
 * @property {string} [idempotencyKey] One's own key for publishing something once; made by the client when not given.
 * @property {AbortSignal} [signal] Gives up: the message is not sent again. It may have been published.
 */

/** @typedef {{ id: number, receivers?: number, duplicate: boolean }} Published */
/** @typedef {{ room: string, count: number, members: { user: string, status: Status, connections: number }[] }} Members */
/** @typedef {{ room: string, messages: AnyEvent[], oldest: number, newest: number }} History */
/** @typedef {{ signal?: AbortSignal }} CallOptions */
/** @typedef {{ after?: number, limit?: number, signal?: AbortSignal }} HistoryOptions */

export {};
