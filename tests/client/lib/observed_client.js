// SPDX-License-Identifier: Apache-2.0
// A Client whose events and states wait in queues, behind a proxy. Closed when its test is over.

import WebSocket from 'ws';
import { Client } from '../../../web/client/index.js';
import { EventQueue } from '../../integration/lib/event_queue.js';
import { BlockingProxy } from './blocking_proxy.js';

export async function blocking_proxy(t, server = t.server) {
  const proxy = await BlockingProxy.start(server.port);
  t.after(() => proxy.stop());
  return proxy;
}

// Opened, unless `open: false`.
export function observe(t, { open = true, ...options }) {
  const client = new Client({ WebSocket, random: () => 0.5, ...options });
  client.heard = new EventQueue(`the client at ${options.url}`);
  client.states = new EventQueue(`the state of the client at ${options.url}`);
  client.user = options.user ?? '';
  client.on('*', (event) => client.heard.push({ ...event, event_type: event.type }));
  client.on('state', (state) => client.states.push({ ...state, event_type: state.name }));
  t.after(() => client.close());
  return open ? client.open() : client;
}

// Cuts everything and keeps it cut until the client has noticed. It comes back when its clock is moved.
export async function cut_off(client, proxy) {
  proxy.block('*', 'reset');
  proxy.cut();
  const waiting = await client.states.next('waiting');
  proxy.unblock('*');
  return waiting;
}

// The contents of a room's messages, in the order in which they came.
export function contents(client, room) {
  return client.heard.all({ event_type: 'message', room }).map(({ content }) => content);
}
