/** @param {string} room */
export function checkRoom(room: string): void;
/**
 * @param {Iterable<string> | undefined} rooms
 * @returns {string[]}
 */
export function roomList(rooms: Iterable<string> | undefined): string[];
/**
 * @param {Record<string, any>} event
 * @returns {any}
 */
export function camelCase(event: Record<string, any>): any;
export function namedCursor(positions: Iterable<[string, number]>): string;
export function keyOf(channel: string): string;
