// SPDX-License-Identifier: Apache-2.0
// One connection for all tabs: the client in a SharedWorker, in a real browser.

import assert from 'node:assert/strict';
import { until } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';

// The tab's client is `client` in its page; what it heard is `heard`, what it went through `states`.
async function open_client(tab, options) {
  await tab.page.evaluate(async ({ asks_token, ...given }) => {
    const { connect } = await import('/client/index.js');
    window.asked = 0;
    if (asks_token) given.token = () => `token-${++window.asked}`;
    window.heard = [];
    window.states = [];
    window.client = connect({ url: location.origin, shared: true, ...given });
    window.client.on('*', (event) => window.heard.push(event));
    window.client.watch(({ state, reason }) => window.states.push({ state, reason }));
  }, options);
  await tab.page.waitForFunction(() => window.client.state.state === 'open');
}

const hears = (tab, content) => tab.page.waitForFunction((wanted) => window.heard.some((event) => event.content === wanted), content);
const contents = (tab) => tab.page.evaluate(() => window.heard.filter(({ event_type }) => event_type === 'message').map(({ content }) => content));
const clients_of = async (t, user) => (await t.get(`/users/${user}`)).json.connections ?? 0;

suite('shared client', { at_once: 1, settings: { retry: '100ms', presence_leave_grace: '0s' } }, (test) => {
  test('two tabs have one connection, and each hears its own rooms', async (t) => {
    const [user, mine, yours, ours] = [t.name('Ann'), t.name('mine'), t.name('yours'), t.name('ours')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [mine, ours] });
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user, rooms: [yours, ours] });
    await second.page.evaluate((room) => window.client.join(room), yours);
    assert.equal(await clients_of(t, user), 1);
    for (const room of [mine, yours]) await t.say(room, `in ${room}`);
    await t.say(ours, 'to both');
    await t.publish({ to: user, content: 'to the inbox' });
    // There is no order between rooms.
    for (const [tab, room] of [[first, mine], [second, yours]]) {
      const expected = [`in ${room}`, 'to both'];
      for (const content of [...expected, 'to the inbox']) await hears(tab, content);
      assert.deepEqual((await contents(tab)).sort(), expected);
    }
    // What one says the other hears, and its own tab learns the id.
    const { id } = await second.page.evaluate((room) => window.client.publish(room, 'from the second'), ours);
    await hears(first, 'from the second');
    assert.equal(await first.page.evaluate(() => window.heard.find(({ content }) => content === 'from the second').id), id);
    assert.deepEqual(first.problems.concat(second.problems), []);
  });

  test('a tab that goes takes its rooms along, the last one the connection', async (t) => {
    const [user, passing, staying] = [t.name('Ben'), t.name('passing'), t.name('staying')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [staying] });
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user, rooms: [passing] });
    await second.page.evaluate((room) => window.client.join(room), passing);
    const members = async (room) => (await t.get('/members', { room })).json.count ?? 0;
    assert.equal(await members(passing), 1);
    await second.page.close();
    await until(async () => (await members(passing)) === 0, 'the room to be left');
    await t.say(staying, 'still here');
    await hears(first, 'still here');
    await first.page.evaluate(() => window.client.close());
    await until(async () => (await clients_of(t, user)) === 0, 'the connection to end');
    assert.equal(await first.page.evaluate(() => window.client.state.state), 'stopped');
    // And again from the same tab.
    await first.page.evaluate(() => window.client.open());
    await t.say(staying, 'back again');
    await until(async () => (await clients_of(t, user)) === 1, 'the connection to come back');
  });

  test('a tab that is loaded anew shares again', async (t) => {
    const [user, room] = [t.name('Cleo'), t.name('room')];
    const tab = await open_tab(t);
    for (let round = 0; round < 5; round++) {
      await open_client(tab, { user, rooms: [room] });
      await tab.page.evaluate((name) => window.client.join(name), room);
      await t.say(room, `round ${round}`);
      await hears(tab, `round ${round}`);
      await tab.page.reload();
    }
    assert.deepEqual(tab.problems, []);
  });

  test('cut off, both tabs go on without loss', async (t) => {
    const [user, room] = [t.name('Dan'), t.name('room')];
    const proxy = await t.proxy();
    const first = await open_tab(t, { base: proxy.url });
    await open_client(first, { user, rooms: [room] });
    const second = await open_tab(t, { beside: first, base: proxy.url });
    await open_client(second, { user, rooms: [room] });
    await second.page.evaluate((name) => window.client.join(name), room);
    const expected = [];
    for (let round = 0; round < 3; round++) {
      proxy.refusing = true;
      proxy.cut();
      for (const tab of [first, second]) await tab.page.waitForFunction(() => window.client.state.state !== 'open');
      for (let i = 0; i < 3; i++) {
        expected.push(`${round} ${i}`);
        await t.say(room, expected.at(-1));
      }
      proxy.refusing = false;
      for (const tab of [first, second]) {
        await hears(tab, expected.at(-1));
        await tab.page.waitForFunction(() => window.client.state.state === 'open');
      }
    }
    for (const tab of [first, second]) assert.deepEqual(await contents(tab), expected);
  });

  test('a token is asked of a tab that is there; what the server refuses reaches the tab that wanted it', async (t) => {
    const [user, room] = [t.name('Eve'), t.name('room')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [room], asks_token: true });
    assert.equal(await first.page.evaluate(() => window.asked), 1);
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user, rooms: [room], asks_token: true });
    await second.page.evaluate((name) => window.client.join(name), room);
    assert.equal(await second.page.evaluate(() => window.asked), 0);
    const refused = await second.page.evaluate(() => window.client.join('a,b').then(() => null, ({ name, code }) => ({ name, code, rooms: [...window.client.rooms] })));
    assert.equal(refused.name, 'RingcastError');
    assert.equal(typeof refused.code, 'string');
    assert.deepEqual(refused.rooms, [room]);
    assert.deepEqual(await first.page.evaluate(() => window.heard.filter(({ event_type }) => event_type === 'error')), []);
  });

  test('kicked by an administrator, all tabs stop; opening one opens it for all', async (t) => {
    const [user, room] = [t.name('Finn'), t.name('room')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [room] });
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user, rooms: [room] });
    await t.http('DELETE', `/users/${user}/connections`);
    for (const tab of [first, second]) {
      await tab.page.waitForFunction(() => window.client.state.state === 'stopped');
      assert.equal(await tab.page.evaluate(() => window.client.state.code), 4011);
    }
    await second.page.evaluate(() => window.client.open());
    for (const tab of [first, second]) await tab.page.waitForFunction(() => window.client.state.state === 'open');
    await t.say(room, 'again');
    for (const tab of [first, second]) await hears(tab, 'again');
  });

  test('different users do not share', async (t) => {
    const [ann, ben, room] = [t.name('Ann'), t.name('Ben'), t.name('room')];
    const first = await open_tab(t);
    await open_client(first, { user: ann, rooms: [room] });
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user: ben, rooms: [room] });
    assert.deepEqual([await clients_of(t, ann), await clients_of(t, ben)], [1, 1]);
  });

  for (const [what, script, said] of [
    // The browser's event of it may get lost; the next test is about what follows from one.
    ['cannot be loaded', 'nothing-here.js', /nothing-here\.js (cannot be loaded|has not answered)/],
    ['says nothing', 'client/errors.js', /errors\.js has not answered within 15 s/],
  ]) {
    test(`a worker that ${what} is told, not waited for for ever`, async (t) => {
      const tab = await open_tab(t);
      await tab.page.evaluate(async (script) => {
        const { connect } = await import('/client/index.js');
        window.client = connect({ url: location.origin, shared: true, worker_url: `${location.origin}/${script}` });
      }, script);
      await tab.page.waitForFunction(() => window.client.state.state === 'stopped', null, { timeout: 40000 });
      const { code, reason } = await tab.page.evaluate(() => window.client.state);
      assert.equal(code, 'worker');
      assert.match(reason, said);
    });
  }

  test('a worker whose failure the browser tells of is told at once', async (t) => {
    const tab = await open_tab(t);
    const state = await tab.page.evaluate(async () => {
      let worker;
      globalThis.SharedWorker = class {
        constructor() {
          worker = this;
          this.port = new MessageChannel().port1;
        }
      };
      const { connect } = await import('/client/index.js');
      const client = connect({ url: location.origin, shared: true, worker_url: `${location.origin}/nothing-here.js` });
      worker.onerror(new Event('error'));
      return client.state;
    });
    assert.equal(state.state, 'stopped');
    assert.equal(state.code, 'worker');
    assert.match(state.reason, /nothing-here\.js cannot be loaded/);
  });

  test('without SharedWorker a tab has a connection of its own', async (t) => {
    const [user, room] = [t.name('Gus'), t.name('room')];
    const tab = await open_tab(t);
    await tab.page.evaluate(() => { delete globalThis.SharedWorker; });
    await open_client(tab, { user, rooms: [room] });
    assert.equal(await tab.page.evaluate(() => window.client.constructor.name), 'Client');
    await t.say(room, 'hello');
    await hears(tab, 'hello');
  });
});
