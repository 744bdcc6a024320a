export class Link {
    /**
     * @param {import('./ladder.js').Transport} kind
     * @param {import('./core.js').Core} core
     */
    constructor(kind: import("./ladder.js").Transport, core: import("./core.js").Core);
    kind: import("./ladder.js").Transport;
    core: import("./core.js").Core;
    connection: import("./connection.js").Connection;
    /** @type {Map<string, any>} the rooms that the server delivers over it: events of others are not for this client */
    subscriptions: Map<string, any>;
    /** @type {Map<string, any>} the rooms that the server has it in, or was asked for */
    asked: Map<string, any>;
    /** @type {Map<string, number>} the positions from which it was asked to go on */
    from: Map<string, number>;
    get outdated(): boolean;
    connect(): void;
    sync(): void;
    publish(): void;
    /** @param {string} _token */
    renew(_token: string): void;
    check(): void;
    close(): void;
    /** @param {import('./reactions.js').Reaction} reaction */
    lost(reaction: import("./reactions.js").Reaction): void;
}
