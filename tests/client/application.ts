// SPDX-License-Identifier: Apache-2.0
// An application in TypeScript: compiled, never run. Each expected error would be one if the types were looser.

import { Client, EventParser, RingcastError, SharedClient, connect, readEvents, type GapEvent, type Message, type State } from '@ringcast/client';

type Events = { 'order.placed': { total: number }; greeting: string };

const client: Client<Events> = new Client<Events>({
  url: 'http://localhost:3000/', user: 'Alice', rooms: new Set(['general']), token: async () => 'token',
  positions: { general: 17 }, transports: ['sse', 'poll'], random: () => 0, signal: new AbortController().signal,
}).open();

const off: () => void = client.on('gap', (gap: GapEvent) => gap.oldest + 1);
client.on('message', ({ room, content }) => room.length + (content ?? '').length);
client.on('order.placed', ({ data, id }) => (data?.total ?? 0) + id, { signal: AbortSignal.timeout(1) });
client.once('binary', ({ data }) => data.byteLength);
client.on('*', ({ type, room }) => type + room);
client.on('state', (state: State) => (state.name === 'waiting' ? state.delayMs : state.name === 'stopped' ? state.needsToken : 0));
const listener = (message: Message) => message.id;
client.on('direct', listener);
client.off('direct', listener);
off();

for await (const { data } of client.events('order.placed')) data?.total.toFixed();

const published = await client.publish('general', { total: 1 }, { event: 'order.placed', echo: false });
const id: number = published.id;
const names: string[] = (await client.members('general')).members.map(({ user }) => user);
const newest: number = (await client.history('general', { after: id, limit: 10 })).newest;
await client.direct('Bob', 'psst').catch((error: RingcastError) => error.code + names.length + newest);
const again = new Client({ positions: JSON.parse(JSON.stringify(client.positions)) });
again.on('anything.at.all', ({ data }) => data);
client.close();

const shared: Client<Events> | SharedClient<Events> = connect<Events>({ shared: true, user: 'Alice' });
(await shared.join('general')).members?.toFixed();
await readEvents('/events', { onEvent: ({ type, data }) => type + data, headers: { 'X-API-Key': 'key' } });
new EventParser(({ id: cursor }) => cursor).feed(new Uint8Array());

// @ts-expect-error no such transport
new Client({ transports: ['carrier pigeon'] });
// @ts-expect-error seven letters are no list of rooms
new Client({ rooms: 'general' });
// @ts-expect-error no such status
client.setStatus('asleep');
// @ts-expect-error the data of an order is not a string
client.publish('general', 'text', { event: 'order.placed' });
// @ts-expect-error no such event
client.on('order.eaten', () => {});
// @ts-expect-error a number is no room
client.join(7);
