// SPDX-License-Identifier: Apache-2.0
// An application in TypeScript: compiled, never run. Each expected error would be one if the types were looser.

import { Client, RingcastError, connect, read_events, type Gap, type State } from '../../web/client/index.js';

const client = new Client({
  url: 'http://localhost:3000/', user: 'Alice', rooms: new Set(['general']), token: async () => 'token',
  positions: { general: 17 }, transports: ['sse', 'poll'], random: () => 0,
}).open();

const off: () => void = client.on('gap', (gap: Gap) => gap.oldest + 1);
client.on('message', ({ room, content }) => room.length + (content ?? '').length);
client.on('order.placed', ({ data }) => data);
client.on('binary', ({ data }) => data.byteLength);
client.watch((state: State) => (state.state === 'waiting' ? state.delay_ms : state.state === 'stopped' ? state.token : 0));
off();

const ack = await client.publish('general', { x: 1 }, { event: 'order.placed', echo: false });
const id: number | undefined = ack.id;
const names: string[] = (await client.members('general')).members.map(({ user }) => user);
const newest: number = (await client.history('general', { after: id, limit: 10 })).newest;
await client.direct('Bob', 'psst').catch((error: RingcastError) => error.code + names.length + newest);
localStorage.setItem('positions', JSON.stringify(Object.fromEntries(client.positions)));
client.close();

const shared = connect({ shared: true, user: 'Alice' });
(await shared.join('general')).members?.toFixed();
await read_events('/events', { on_event: ({ type, data }) => type + data, headers: { 'X-API-Key': 'key' } });

// @ts-expect-error no such transport
new Client({ transports: ['carrier pigeon'] });
// @ts-expect-error no such status
client.status('asleep');
// @ts-expect-error rooms are read only
client.rooms.add('other');
// @ts-expect-error a number is no room
client.join(7);
