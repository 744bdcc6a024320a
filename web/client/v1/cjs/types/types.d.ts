export type Transport = import("./ladder.js").Transport;
/**
 * `@me` is one's own inbox, `*` is the broadcast channel; everything else is a room.
 */
export type Channel = string;
export type ClientOptions = {
    /**
     * The server's address; a path is taken as where it is mounted. Default: the page's own.
     */
    url?: string | URL | undefined;
    user?: string | undefined;
    tenant?: string | undefined;
    /**
     * A token, or where to fetch one: called at the start, when one expires, and when one was refused.
     */
    token?: string | (() => string | Promise<string>) | undefined;
    rooms?: readonly string[] | ReadonlySet<string> | undefined;
    /**
     * Where to go on from, as kept from an earlier client's `positions`.
     */
    positions?: ReadonlyMap<string, number> | Readonly<Record<string, number>> | undefined;
    /**
     * In order of preference. Default: all three.
     */
    transports?: readonly import("./ladder.js").Transport[] | undefined;
    /**
     * Closes the client when it is aborted.
     */
    signal?: AbortSignal | undefined;
    /**
     * For Node 18 to 20, e.g. that of the package `ws`.
     */
    WebSocket?: unknown;
    fetch?: typeof fetch | undefined;
    clock?: import("./environment.js").Clock | undefined;
    /**
     * In [0, 1).
     */
    random?: (() => number) | undefined;
    /**
     * How long a transport may take to open before the next is tried. Default: 10000.
     */
    openTimeoutMs?: number | undefined;
    /**
     * How long a silent server may take to prove that it lives. Default: 10000.
     */
    silenceTimeoutMs?: number | undefined;
    /**
     * How long a poll waits at the server, up to 120000. Default: 25000.
     */
    pollTimeoutMs?: number | undefined;
    /**
     * How many messages may wait to be confirmed. Default: 1000.
     */
    pendingMax?: number | undefined;
};
export type SharedOptions = {
    /**
     * One connection for all tabs, in a SharedWorker.
     */
    shared?: boolean | undefined;
    /**
     * Where shared_worker.js is served, if not beside this module.
     */
    workerUrl?: string | URL | undefined;
};
export type ConnectOptions = ClientOptions & SharedOptions;
export type State = {
    readonly name: "idle";
    readonly transport?: undefined;
} | {
    readonly name: "connecting";
    readonly transport: Transport;
} | {
    readonly name: "open";
    readonly transport: Transport;
} | {
    readonly name: "waiting";
    readonly transport?: undefined;
    readonly code: string;
    readonly reason: string;
    readonly delayMs: number;
} | {
    readonly name: "stopped";
    readonly transport?: undefined;
    readonly code: string;
    readonly reason: string;
    readonly needsToken: boolean;
};
/**
 * A message of a channel. A string that was published comes as `content`, anything else as `data`.
 */
export type Message<Data = unknown> = {
    type: string;
    room: Channel;
    id: number;
    user: string;
    timestamp: string;
    content?: string | undefined;
    data?: Data | undefined;
};
export type BinaryMessage = {
    type: "binary";
    room: string;
    id: number;
    user: string;
    timestamp: string;
    bytes: number;
    data: Uint8Array;
};
export type ConnectionIdEvent = {
    type: "connection_id";
    connectionId: string;
    user: string;
    heartbeatIntervalMs?: number;
};
export type JoinedEvent = {
    type: "joined";
    room: string;
    id: number;
    members?: number;
    replayed?: number;
    recovered?: boolean;
};
export type LeftEvent = {
    type: "left";
    room: string;
    reason: "final" | "kicked" | "closed";
};
export type GapEvent = {
    type: "gap";
    room: Channel;
    oldest: number;
    reset?: boolean;
};
export type LaggedEvent = {
    type: "lagged";
    room: Channel;
    missed: number;
    from: number;
    to: number;
};
export type ErrorEvent = {
    type: "error";
    room?: string;
    code: string;
    message: string;
    retryAfterMs?: number;
};
export type ProblemEvent = {
    type: "problem";
    code: string;
    message: string;
};
export type TypingEvent = {
    type: "typing";
    room: string;
    user: string;
};
export type StatusEvent = {
    type: "status";
    room?: string;
    user: string;
    status: Status;
};
export type MemberJoinedEvent = {
    type: "member_joined";
    room: string;
    user: string;
    members: number;
    status?: Status;
};
export type MemberLeftEvent = {
    type: "member_left";
    room: string;
    user: string;
    members: number;
};
export type ReconnectEvent = {
    type: "reconnect";
    afterMs: number;
};
export type TokenExpiringEvent = {
    type: "token_expiring";
    expiresInMs?: number;
};
export type Status = "online" | "away" | "busy";
/**
 * What the client itself emits, by type.
 */
export type OwnEvents = {
    message: Message;
    direct: Message;
    binary: BinaryMessage;
    connection_id: ConnectionIdEvent;
    joined: JoinedEvent;
    left: LeftEvent;
    gap: GapEvent;
    lagged: LaggedEvent;
    error: ErrorEvent;
    problem: ProblemEvent;
    typing: TypingEvent;
    status: StatusEvent;
    member_joined: MemberJoinedEvent;
    member_left: MemberLeftEvent;
    reconnect: ReconnectEvent;
    token_expiring: TokenExpiringEvent;
    state: State;
};
/**
 * Any event: for listeners of '*'.
 */
export type AnyEvent = {
    type: string;
    room?: Channel;
    id?: number;
    user?: string;
    content?: string;
    data?: any;
    timestamp?: string;
    [field: string]: any;
};
/**
 * What a listener of `Type` gets. `Events` maps the application's own event types to the data that they carry.
 */
export type EventOf<Events extends Record<string, any>, Type extends string> = Type extends keyof OwnEvents ? OwnEvents[Type] : Type extends "*" ? AnyEvent : Message<Type extends keyof Events ? Events[Type] : unknown>;
/**
 * The names of events: an application that has named its own is held to them.
 */
export type EventName<Events extends Record<string, any>> = keyof OwnEvents | "*" | (string & keyof Events);
export type ListenerOptions = {
    once?: boolean;
    signal?: AbortSignal;
};
export type PublishOptions = {
    /**
     * A type of one's own, `[A-Za-z0-9_.:-]{1,64}`.
     */
    event?: string | undefined;
    /**
     * false: this connection does not hear its own message.
     */
    echo?: boolean | undefined;
    /**
     * One's own key for publishing something once; made by the client when not given.
     */
    idempotencyKey?: string | undefined;
    /**
     * Gives up: the message is not sent again. It may have been published.
     */
    signal?: AbortSignal | undefined;
};
export type Published = {
    id: number;
    receivers?: number;
    duplicate: boolean;
};
export type Members = {
    room: string;
    count: number;
    members: {
        user: string;
        status: Status;
        connections: number;
    }[];
};
export type History = {
    room: string;
    messages: AnyEvent[];
    oldest: number;
    newest: number;
};
export type CallOptions = {
    signal?: AbortSignal;
};
export type HistoryOptions = {
    after?: number;
    limit?: number;
    signal?: AbortSignal;
};
