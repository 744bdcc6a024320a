// SPDX-License-Identifier: Apache-2.0
// The promise of the whole: one order for everybody, nothing lost and nothing doubled, however clients come and go.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Verifier } from './lib/verifier.js';

// A WebSocket that comes back with its cursors whenever it is cut, and gives the verifier what it gets.
class Wanderer {
  constructor(t, name, proxy, rooms, verifier) {
    Object.assign(this, { t, name, proxy, rooms, verifier, positions: new Map(), client: null, connects: 0, gaps: 0, done: false });
  }

  async connect() {
    const since = [...this.positions].map(([room, id]) => `${room}=${id}`).join(',');
    const client = this.t.ws_raw(`/ws?user=${this.name}&rooms=${this.rooms.join(',')}${since && `&since=${since}`}`, {}, this.proxy);
    this.client = client;
    client.socket.on('message', (data) => this.take(JSON.parse(data.toString())));
    client.closed.then(() => { if (!this.done) this.connect().catch(() => {}); });
    await client.opened.then(() => { this.connects++; }, () => {});
  }

  take(event) {
    if (event.event_type === 'joined' && !this.positions.has(event.room)) {
      this.positions.set(event.room, event.id);
      this.verifier.begin(this.name, event.room, event.id);
    } else if (event.event_type === 'gap') this.gaps++;
    else if (event.event_type === 'message') {
      this.verifier.received(this.name, event);
      this.positions.set(event.room, event.id);
    }
  }

  ready() { return until(() => this.positions.size === this.rooms.length, `${this.name} to have joined`); }
  stop() { this.done = true; this.client.terminate(); }
}

async function complete(verifier, subscribers, rooms) {
  for (const name of subscribers) {
    for (const room of rooms) {
      await until(() => verifier.count(name, room) >= verifier.total(room),
        `${name} to have all of ${room} (${verifier.count(name, room)} of ${verifier.total(room)})`, { ms: 60000 });
    }
  }
  verifier.check();
}

suite('ordering', { settings: { history_messages: 20000, history_size_max: '64MiB', outbox_messages_max: 20000, outbox_size_max: '32MiB', retry: '100ms' }, at_once: 2 }, (test) => {
  test('several publishers, several rooms, every kind of subscriber: one order', async (t) => {
    const verifier = new Verifier();
    const rooms = [t.name('r'), t.name('r'), t.name('r')];
    const names = [];
    for (let i = 0; i < 4; i++) {
      const name = t.name('ws');
      const client = await t.ws({ user: name, rooms });
      for (const { room, id } of await client.take(3, 'joined')) verifier.begin(name, room, id);
      client.socket.on('message', (data) => {
        const event = JSON.parse(data.toString());
        if (event.event_type === 'message') verifier.received(name, event);
      });
      names.push(name);
    }
    for (let i = 0; i < 2; i++) {
      const name = t.name('sse');
      const stream = await t.sse({ user: name, rooms });
      const push = stream.events.push.bind(stream.events);
      stream.events.push = (event) => { if (event.event_type === 'message') verifier.received(name, event); push(event); };
      names.push(name);
    }
    const poller = t.name('poll');
    names.push(poller);
    let { cursor } = await t.poll({ user: poller, rooms });
    let polling = true;
    const poll = (async () => {
      while (polling) {
        const answer = await t.poll({ user: poller, rooms, since: cursor, timeout: 1 });
        assert.deepEqual(answer.gaps, []);
        for (const event of answer.events) if (event.event_type === 'message') verifier.received(poller, event);
        ({ cursor } = answer);
      }
    })();
    const publishers = await Promise.all([1, 2, 3, 4].map(() => t.ws({ user: t.name('pub') })));
    await Promise.all([
      ...publishers.map(async (client, p) => {
        for (const room of rooms) await client.join(room);
        for (let i = 0; i < 300; i++) {
          const room = rooms[i % 3];
          client.send({ action: 'message', room, data: verifier.make(room, `ws${p}`) });
          if (i % 50 === 49) await client.fence();
        }
      }),
      ...[0, 1].map(async (p) => {
        for (let i = 0; i < 60; i++) {
          const room = rooms[i % 3];
          await t.publish({ room, user: `post${p}`, data: verifier.make(room, `post${p}`) });
        }
      })]);
    await complete(verifier, names, rooms);
    polling = false;
    await poll;
  });

  test('a storm of cuts and reconnects loses and doubles nothing over WebSocket', async (t) => {
    const verifier = new Verifier();
    const rooms = [t.name('r'), t.name('r')];
    const proxy = await t.proxy();
    const wanderers = Array.from({ length: 12 }, () => new Wanderer(t, t.name('w'), proxy, rooms, verifier));
    t.after(() => { for (const wanderer of wanderers) wanderer.stop(); });
    await Promise.all(wanderers.map((wanderer) => wanderer.connect()));
    await Promise.all(wanderers.map((wanderer) => wanderer.ready()));
    for (let i = 0; i < 600; i++) {
      const room = rooms[i % 2];
      await t.publish({ room, user: 's', data: verifier.make(room, 'post') });
      // Every third time they are let in before, so that each is cut often however slowly it comes back.
      if (i % 120 === 119) await until(() => wanderers.every(({ connects }) => connects > (i + 1) / 120), 'all to be back');
      if (i % 40 === 39) proxy.cut();
    }
    await complete(verifier, wanderers.map(({ name }) => name), rooms);
    assert.ok(wanderers.every(({ connects }) => connects > 5), 'the cuts were seen');
    assert.equal(wanderers.reduce((sum, { gaps }) => sum + gaps, 0), 0);
  });

  test('a storm over SSE, resumed by Last-Event-ID', async (t) => {
    const verifier = new Verifier();
    const rooms = [t.name('r'), t.name('r'), t.name('r')];
    const proxy = await t.proxy();
    let done = false;
    const names = Array.from({ length: 6 }, () => t.name('s'));
    const ready = [];
    const streams = names.map(async (name) => {
      let last_id;
      let on_ready;
      ready.push(new Promise((resolve) => { on_ready = resolve; }));
      while (!done) {
        const stream = t.sse_raw({ user: name, rooms }, last_id ? { headers: { 'Last-Event-ID': last_id } } : {}, proxy);
        const push = stream.events.push.bind(stream.events);
        stream.events.push = (event) => {
          push(event);
          if (event.cursor_line) last_id = event.cursor_line;
          if (event.event_type === 'message') verifier.received(name, event);
          if (event.event_type === 'connection_id') on_ready();
          if (event.event_type === 'gap') verifier.problem(`${name}: gap`);
        };
        t.after(() => stream.close());
        await stream.closed.catch(() => {});
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await Promise.all(ready);
    for (let i = 0; i < 400; i++) {
      const room = rooms[i % 3];
      await t.publish({ room, user: 's', data: verifier.make(room, 'post') });
      if (i % 40 === 39) proxy.cut();
    }
    await complete(verifier, names, rooms);
    done = true;
    proxy.refusing = true;  // one may be on its way to the proxy just now
    proxy.cut();
    await Promise.all(streams);
  });

  test('joining with a cursor while others publish has an exact seam', async (t) => {
    const verifier = new Verifier();
    const room = t.name('room');
    const first = await t.member(room, { user: t.name('w') });
    const start = first.joined.id;
    const names = [];
    const joining = [];
    for (let i = 0; i < 500; i++) {
      first.send({ action: 'message', room, data: verifier.make(room, 'w') });
      if (i % 20 !== 0) continue;
      const name = t.name('late');
      names.push(name);
      verifier.begin(name, room, start);
      const client = t.ws_raw(`/ws?user=${name}&rooms=${room}&since=${room}=${start}`);
      client.socket.on('message', (data) => {
        const event = JSON.parse(data.toString());
        if (event.event_type === 'message') verifier.received(name, event);
      });
      joining.push(client.ready());
      await first.fence();
    }
    await Promise.all(joining);
    await complete(verifier, names, [room]);
  });
});

suite('the verifier', { server: false }, (test) => {
  // A checker that finds nothing proves nothing: each kind of fault must be found.
  const scene = (...events) => {
    const verifier = new Verifier();
    for (let n = 0; n < 3; n++) verifier.make('r', 'p');
    verifier.begin('s', 'r', 10);
    for (const [id, n] of events) verifier.received('s', { id, room: 'r', data: { publisher: 'p', n } });
    return verifier;
  };
  test('takes what is right', async () => scene([11, 0], [12, 1], [13, 2]).check());
  test('finds a loss', async () => assert.throws(() => scene([11, 0], [13, 2]).check()));
  test('finds a loss at the end', async () => assert.throws(() => scene([11, 0], [12, 1]).check()));
  test('finds a duplicate', async () => assert.throws(() => scene([11, 0], [11, 0], [12, 1], [13, 2]).check()));
  test('finds a wrong order', async () => assert.throws(() => scene([11, 1], [12, 0], [13, 2]).check()));
  test('finds two orders', async () => {
    const verifier = scene([11, 0], [12, 1], [13, 2]);
    verifier.begin('other', 'r', 10);
    for (const [id, n] of [[11, 0], [12, 2], [13, 1]]) verifier.received('other', { id, room: 'r', data: { publisher: 'p', n } });
    assert.throws(() => verifier.check());
  });
});
