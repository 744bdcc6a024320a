// SPDX-License-Identifier: Apache-2.0
// The package's one entry: everything that an application may use.

export { Client } from './client.js';
export { RingcastError } from './errors.js';
export { EventParser, readEvents } from './event_stream.js';
export { SharedClient, connect } from './shared.js';

/** @typedef {import('./types.js').Transport} Transport */
/** @typedef {import('./types.js').Channel} Channel */
/** @typedef {import('./types.js').State} State */
/** @typedef {import('./types.js').ClientOptions} ClientOptions */
/** @typedef {import('./types.js').ConnectOptions} ConnectOptions */
/** @typedef {import('./types.js').PublishOptions} PublishOptions */
/** @typedef {import('./types.js').Published} Published */
/** @typedef {import('./types.js').Members} Members */
/** @typedef {import('./types.js').History} History */
/** @typedef {import('./types.js').Status} Status */
/** @typedef {import('./types.js').AnyEvent} AnyEvent */
/** @typedef {import('./types.js').BinaryMessage} BinaryMessage */
/** @typedef {import('./types.js').GapEvent} GapEvent */
/** @typedef {import('./types.js').LaggedEvent} LaggedEvent */
/** @typedef {import('./types.js').LeftEvent} LeftEvent */
/** @typedef {import('./types.js').JoinedEvent} JoinedEvent */
/** @typedef {import('./types.js').ErrorEvent} ErrorEvent */
/** @typedef {import('./environment.js').Clock} Clock */
/**
 * @template [Data=unknown]
 * @typedef {import('./types.js').Message<Data>} Message
 */
