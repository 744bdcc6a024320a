/**
 * @param {number} closeCode
 * @param {string} [text] from the close frame
 * @param {{ code?: string, message?: string } | null} [error] that the server sent before it closed
 * @returns {Reaction}
 */
export function reactionToClose(closeCode: number, text?: string, error?: {
    code?: string;
    message?: string;
} | null): Reaction;
/**
 * @param {import('./event_stream.js').Refusal} refusal An answer without the server's own error came from something in between.
 * @returns {Reaction}
 */
export function reactionToRefusal({ status, error, message, retryAfterMs }: import("./event_stream.js").Refusal): Reaction;
/**
 * @param {unknown} error
 * @returns {number} milliseconds until a request may be sent again; -1 when it is refused for good
 */
export function retryAfterOf(error: unknown): number;
/**
 * @param {URL} base
 * @returns {Reaction}
 */
export function unreachable(base: URL): Reaction;
export function isPassing(code: string | undefined): boolean;
/** @type {Reaction} */
export const kSilent: Reaction;
/** @type {Reaction} */
export const kNoAnswer: Reaction;
/** @type {Reaction} */
export const kCut: Reaction;
/**
 * `do`: `again` (reconnect), `token` (fetch a token, then reconnect), `stop`. `busy` skips the immediate first retry.
 * `blocked`: something between here and the server may be in the way, so that another transport may get through.
 */
export type Reaction = {
    do: "again" | "token" | "stop";
    code: string;
    reason: string;
    busy?: boolean | undefined;
    blocked?: boolean | undefined;
    /**
     * not before
     */
    afterMs?: number | undefined;
};
