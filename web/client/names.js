// SPDX-License-Identifier: Apache-2.0
// Names and bytes as they go over the wire.

import { RingcastError } from './errors.js';

const kNameBytesMax = 128;

// The server's own rule (docs/protocol.md): checked here too, because in a list of many rooms one bad name would spoil
// the request.
/** @param {string} room */
export function checkRoom(room) {
  if (typeof room !== 'string') throw new TypeError(`a room is a string, not ${typeof room}`);
  const bytes = new TextEncoder().encode(room).length;
  // eslint-disable-next-line no-control-regex
  if (!bytes || bytes > kNameBytesMax || room === '*' || room[0] === '@' || /[\0-\x1f\x7f-\x9f,]/.test(room) || /\p{Cs}/u.test(room)) {
    throw new RingcastError('bad_room', `"${room.slice(0, 40)}" is not a room: 1 to ${kNameBytesMax} bytes, no control characters, no ",", not "*", no "@" first`);
  }
}

/**
 * @param {Iterable<string> | undefined} rooms
 * @returns {string[]}
 */
export function roomList(rooms) {
  if (typeof rooms === 'string') throw new TypeError(`rooms is a list: ["${rooms}"]`);
  const list = [...rooms ?? []];
  list.forEach(checkRoom);
  return list;
}

// `general=17,dev=4`: names are percent-encoded, the separators are not.
/** @param {Iterable<[string, number]>} positions */
export const namedCursor = (positions) => [...positions].map(([channel, id]) => `${encodeURIComponent(channel)}=${id}`).join(',');

// One's own inbox has two names; `@me` is the one that stays right for any user that a token names.
/** @param {string} channel */
export const keyOf = (channel) => (channel[0] === '@' ? '@me' : channel);

// The server's fields in the spelling of JavaScript. `data` is the application's and stays as it is.
/**
 * @param {Record<string, any>} event
 * @returns {any}
 */
export function camelCase(event) {
  /** @type {Record<string, any>} */
  const result = {};
  for (const key of Object.keys(event)) {
    const name = key === 'event_type' ? 'type' : key.includes('_') ? key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()) : key;
    result[name] = event[key];
  }
  // Streams of text carry binary messages in base64; an application gets bytes over every transport.
  if (result.type === 'binary' && typeof result.data === 'string') {
    result.data = Uint8Array.from(atob(result.data), (character) => character.charCodeAt(0));
  }
  return result;
}
