/**
 * Why something was not done. `code` is the server's, or one of the client's own: `closed`, `disconnected`, `left`,
 * `too_many_pending`, `needs_websocket`, `bad_room`, `timeout`, `unreachable`, `http_STATUS`.
 */
export class RingcastError extends Error {
    /**
     * @param {string} code
     * @param {string} [message]
     */
    constructor(code: string, message?: string);
    code: string;
}
