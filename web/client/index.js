// SPDX-License-Identifier: Apache-2.0
// The package's one entry: everything that an application may use.

export { Client } from './client.js';
export { RingcastError } from './errors.js';
export { EventParser, read_events } from './event_stream.js';
export { SharedClient, connect } from './shared.js';
