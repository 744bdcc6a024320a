// Types of @ringcast/client. README.md tells how things are meant.

export type Transport = 'websocket' | 'sse' | 'poll';

/** `@me` is one's own inbox, `*` is the broadcast channel; everything else is a room. */
export type Channel = string;

export interface Clock {
  now(): number;
  set_timeout(run: () => void, ms: number): unknown;
  clear_timeout(timer: unknown): void;
}

export interface ClientOptions {
  /** The server's address; a path is taken as where it is mounted. Default: the page's own. */
  url?: string | URL;
  user?: string;
  tenant?: string;
  /** A token, or where to fetch one: asked at the start, when one expires, and when one was refused. */
  token?: string | (() => string | Promise<string>);
  rooms?: Iterable<string>;
  /** Where to go on from, as kept from an earlier client's `positions`. */
  positions?: Record<Channel, number>;
  /** In order of preference. Default: all three. */
  transports?: Transport[];
  /** For Node 18, e.g. that of the package `ws`. */
  WebSocket?: unknown;
  fetch?: typeof globalThis.fetch;
  clock?: Clock;
  /** In [0, 1). */
  random?: () => number;
  /** So long a transport may take to open before the next is tried. Default: 10000. */
  open_timeout_ms?: number;
  /** So long a silent server may take to prove that it lives. Default: 10000. */
  patience_ms?: number;
  /** How long a poll waits at the server, 1 to 120. Default: 25. */
  poll_timeout_s?: number;
  /** So many messages may wait to be confirmed. Default: 1000. */
  pending_max?: number;
}

export interface ConnectOptions extends ClientOptions {
  /** One connection for all tabs, in a SharedWorker. */
  shared?: boolean;
  /** Where shared_worker.js is served, if not beside this module. */
  worker_url?: string | URL;
}

export type State =
  | { state: 'idle'; transport?: undefined }
  | { state: 'connecting'; transport: Transport }
  | { state: 'open'; transport: Transport }
  | { state: 'waiting'; transport: Transport; code: number | string; reason: string; delay_ms: number }
  | { state: 'stopped'; transport?: undefined; code: number | string; reason: string; token: boolean };

export interface Event {
  event_type: string;
  room?: string;
  id?: number;
  user?: string;
  timestamp?: string;
  [field: string]: unknown;
}

export interface Message extends Event {
  room: string;
  content?: string;
  data?: unknown;
}

export interface Binary extends Event {
  event_type: 'binary';
  room: string;
  id: number;
  bytes: number;
  data: Uint8Array;
}

export interface ConnectionId extends Event {
  event_type: 'connection_id';
  connection_id: string;
  user: string;
  heartbeat_interval_ms: number;
}

export interface Joined extends Event {
  event_type: 'joined';
  room: string;
  members?: number;
  replayed?: number;
  recovered?: boolean;
}

/** Some messages are no longer kept: what follows begins with `oldest`. */
export interface Gap extends Event {
  event_type: 'gap';
  room: Channel;
  oldest: number;
  /** The room was started anew. */
  reset?: boolean;
}

/** This connection was too slow and `missed` messages were left out. */
export interface Lagged extends Event {
  event_type: 'lagged';
  room: Channel;
  missed: number;
  from: number;
  to: number;
}

export interface Left extends Event {
  event_type: 'left';
  room: string;
  reason: 'left' | 'final' | 'kicked' | 'closed';
}

export interface Problem extends Event {
  event_type: 'error' | 'problem';
  code: string;
  message: string;
}

export interface EventMap {
  message: Message;
  direct: Message;
  binary: Binary;
  connection_id: ConnectionId;
  joined: Joined;
  left: Left;
  gap: Gap;
  lagged: Lagged;
  error: Problem;
  problem: Problem;
  typing: Event & { room: string; user: string };
  status: Event & { user: string; status: string };
  member_joined: Event & { room: string; user: string; members: number };
  member_left: Event & { room: string; user: string; members: number };
  reconnect: Event & { after_ms: number };
  token_expiring: Event & { expires_in_ms?: number };
}

export interface Ack {
  id?: number;
  receivers?: number;
  duplicate?: boolean;
}

export interface PublishOptions {
  /** A type of one's own, `[A-Za-z0-9_.:-]{1,64}`. */
  event?: string;
  /** false: this connection does not hear its own message. */
  echo?: boolean;
  /** One's own key for saying something once; made by the client when not given. */
  idempotency_key?: string;
}

export interface Members {
  room: string;
  count: number;
  members: { user: string; status: string; connections: number }[];
}

export interface History {
  room: string;
  messages: Message[];
  oldest: number;
  newest: number;
}

export class RingcastError extends Error {
  readonly name: 'RingcastError';
  readonly code: string;
}

declare class Emitter {
  readonly state: State;
  /** '*' hears all types. Returns the function that takes the listener off again. */
  on<Type extends keyof EventMap>(type: Type, listener: (event: EventMap[Type]) => void): () => void;
  on(type: string, listener: (event: Message) => void): () => void;
  /** Called at once with the state as it is, and at each change. */
  watch(watcher: (state: State) => void): () => void;
}

interface Conversation {
  readonly rooms: ReadonlySet<string>;
  readonly transport: Transport | undefined;
  open(): this;
  close(): void;
  join(room: string): Promise<Joined>;
  leave(room: string): void;
  /** A string goes as `content`, anything else as `data`. Resolves when the server has given it its id. */
  publish(room: string, payload: unknown, options?: PublishOptions): Promise<Ack>;
  direct(user: string, payload: unknown, options?: PublishOptions): Promise<Ack>;
  typing(room: string): void;
  status(status: 'online' | 'away' | 'busy'): void;
  members(room: string): Promise<Members>;
  history(room: string, options?: { after?: number; limit?: number }): Promise<History>;
}

export class Client extends Emitter implements Conversation {
  constructor(options?: ClientOptions);
  readonly rooms: ReadonlySet<string>;
  /** By channel, the id of the last message taken. */
  readonly positions: ReadonlyMap<Channel, number>;
  readonly connection_id: string;
  readonly transport: Transport;
  open(): this;
  close(): void;
  join(room: string): Promise<Joined>;
  leave(room: string): void;
  publish(room: string, payload: unknown, options?: PublishOptions): Promise<Ack>;
  direct(user: string, payload: unknown, options?: PublishOptions): Promise<Ack>;
  /** Over an open WebSocket only; throws a RingcastError `needs_websocket` else. */
  send_binary(room: string, bytes: Uint8Array | ArrayBuffer): void;
  typing(room: string): void;
  status(status: 'online' | 'away' | 'busy'): void;
  members(room: string): Promise<Members>;
  history(room: string, options?: { after?: number; limit?: number }): Promise<History>;
}

export class SharedClient extends Emitter implements Conversation {
  constructor(options?: ConnectOptions);
  readonly rooms: ReadonlySet<string>;
  readonly transport: Transport | undefined;
  open(): this;
  close(): void;
  join(room: string): Promise<Joined>;
  leave(room: string): void;
  publish(room: string, payload: unknown, options?: PublishOptions): Promise<Ack>;
  direct(user: string, payload: unknown, options?: PublishOptions): Promise<Ack>;
  send_binary(room: string, bytes: Uint8Array | ArrayBuffer): Promise<void>;
  typing(room: string): void;
  status(status: 'online' | 'away' | 'busy'): void;
  members(room: string): Promise<Members>;
  history(room: string, options?: { after?: number; limit?: number }): Promise<History>;
}

/** An opened client; with `shared` one connection for all tabs, where the browser has SharedWorker. */
export function connect(options: ConnectOptions & { shared: true }): SharedClient | Client;
export function connect(options?: ConnectOptions): Client;

export class EventParser {
  constructor(on_event: (event: { type: string; data: string; id: string }) => void, on_retry?: (ms: number) => void);
  feed(bytes: Uint8Array): void;
}

/** Reads a stream of Server-Sent Events to its end. */
export function read_events(url: string | URL, options: {
  on_event: (event: { type: string; data: string; id: string }) => void;
  on_retry?: (ms: number) => void;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  fetch?: typeof globalThis.fetch;
}): Promise<void>;
