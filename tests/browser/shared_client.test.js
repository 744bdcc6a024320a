// SPDX-License-Identifier: Apache-2.0
// One connection for all tabs: the client in a SharedWorker, in a real browser.

import assert from 'node:assert/strict';
import { until } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { Files, Key, now_s } from '../integration/lib/tokens.js';
import { open_tab } from './browser.js';

// The tab's client is `client` in its page; what it heard is `heard`, what it went through `states`.
// `asks_token`: a function fetches its tokens, from this list and then the last of it again and again; null stays away.
// `gated`: they come after `release()`.
async function begin_client(tab, options) {
  await tab.page.evaluate(async ({ asks_token, gated, ...given }) => {
    const { connect } = await import('/client/index.js');
    window.asked = 0;
    const gate = new Promise((resolve) => { window.release = resolve; });
    if (asks_token) {
      given.token = async () => {
        const token = asks_token[Math.min(window.asked++, asks_token.length - 1)];
        if (gated) await gate;
        return token ?? new Promise(() => {});
      };
    }
    window.heard = [];
    window.states = [];
    window.client = connect({ url: location.origin, shared: true, ...given });
    window.client.on('*', (event) => window.heard.push(event));
    window.client.on('state', ({ name, reason }) => window.states.push({ state: name, reason }));
  }, options);
}

const is_in = (tab, name) => tab.page.waitForFunction((wanted) => window.client.state.name === wanted, name);

async function open_client(tab, options) {
  await begin_client(tab, options);
  await is_in(tab, 'open');
}

// The worker has reported the state to it.
const is_known = (tab) => tab.page.waitForFunction(() => window.states.length > 0);

const hears = (tab, content) => tab.page.waitForFunction((wanted) => window.heard.some((event) => event.content === wanted), content);
const contents = (tab) => tab.page.evaluate(() => window.heard.filter(({ type }) => type === 'message').map(({ content }) => content));
const clients_of = async (t, user) => (await t.get(`/users/${user}`)).json.connections ?? 0;
const members_of = async (t, room) => (await t.get('/members', { room })).json.count ?? 0;

// The worker ends, as one does that has crashed: no event says so.
async function end_worker(t, tab) {
  const cdp = await tab.page.context().browser().newBrowserCDPSession();
  const workers = async () => (await cdp.send('Target.getTargets', { filter: [{ type: 'shared_worker' }] })).targetInfos.filter(({ url }) => url.startsWith(t.server.url));
  const [{ targetId }] = await workers();
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: false });
  await cdp.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'self.close()' } }) });
  await until(async () => !(await workers()).some((worker) => worker.targetId === targetId), 'the worker to end');
  await cdp.detach();
}

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
    assert.equal(await members_of(t, passing), 1);
    await second.page.close();
    await until(async () => (await members_of(t, passing)) === 0, 'the room to be left');
    await t.say(staying, 'still here');
    await hears(first, 'still here');
    await first.page.evaluate(() => window.client.close());
    await until(async () => (await clients_of(t, user)) === 0, 'the connection to end');
    assert.equal(await first.page.evaluate(() => window.client.state.name), 'stopped');
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
      for (const tab of [first, second]) await tab.page.waitForFunction(() => window.client.state.name !== 'open');
      for (let i = 0; i < 3; i++) {
        expected.push(`${round} ${i}`);
        await t.say(room, expected.at(-1));
      }
      proxy.refusing = false;
      for (const tab of [first, second]) {
        await hears(tab, expected.at(-1));
        await tab.page.waitForFunction(() => window.client.state.name === 'open');
      }
    }
    for (const tab of [first, second]) assert.deepEqual(await contents(tab), expected);
  });

  test('a token is asked of a tab that is there; what the server refuses reaches the tab that wanted it', async (t) => {
    const [user, room] = [t.name('Eve'), t.name('room')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [room], asks_token: ['any'] });
    assert.equal(await first.page.evaluate(() => window.asked), 1);
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user, rooms: [room], asks_token: ['any'] });
    await second.page.evaluate((name) => window.client.join(name), room);
    assert.equal(await second.page.evaluate(() => window.asked), 0);
    const refused = await second.page.evaluate(() => window.client.join('a,b').then(() => null, ({ name, code }) => ({ name, code, rooms: window.client.rooms })));
    assert.equal(refused.name, 'RingcastError');
    assert.equal(typeof refused.code, 'string');
    assert.deepEqual(refused.rooms, [room]);
    assert.deepEqual(await first.page.evaluate(() => window.heard.filter(({ type }) => type === 'error')), []);
  });

  test('kicked by an administrator, all tabs stop; opening one opens it for all', async (t) => {
    const [user, room] = [t.name('Finn'), t.name('room')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [room] });
    const second = await open_tab(t, { beside: first });
    await open_client(second, { user, rooms: [room] });
    await t.http('DELETE', `/users/${user}/connections`);
    for (const tab of [first, second]) {
      await tab.page.waitForFunction(() => window.client.state.name === 'stopped');
      assert.equal(await tab.page.evaluate(() => window.client.state.code), 'kicked');
    }
    await second.page.evaluate(() => window.client.open());
    for (const tab of [first, second]) await tab.page.waitForFunction(() => window.client.state.name === 'open');
    await t.say(room, 'again');
    for (const tab of [first, second]) await hears(tab, 'again');
  });

  test('calls made right after connect() and open() are not lost, also beside a client that has stopped', async (t) => {
    const [user, room] = [t.name('Hal'), t.name('room')];
    const listener = await t.member(room);
    const say = (tab, content) => tab.page.evaluate(async ({ user, room, content }) => {
      if (!window.client) {
        const { connect } = await import('/client/index.js');
        window.client = connect({ url: location.origin, shared: true, user });
      } else {
        window.client.open();
      }
      const { client } = window;
      client.setStatus('busy');
      const [joined, sent, members, history] = await Promise.all([client.join(room), client.publish(room, content), client.members(room), client.history(room)]);
      return { room: joined.room, id: sent.id, users: members.members.map((one) => one.user), messages: history.messages.length, rooms: client.rooms };
    }, { user, room, content });
    const check = async (tab, content) => {
      const said = await say(tab, content);
      const { id } = await listener.next({ content });
      assert.deepEqual([said.room, said.id, said.rooms], [room, id, [room]]);
    };
    const first = await open_tab(t);
    await check(first, 'right after the first connect()');
    await until(async () => (await t.get('/members', { room })).json.members.some((one) => one.user === user && one.status === 'busy'), 'the status');
    const second = await open_tab(t, { beside: first });
    await check(second, 'right after the second connect()');
    await t.http('DELETE', `/users/${user}/connections`);
    for (const tab of [first, second]) await is_in(tab, 'stopped');
    await check(second, 'right after open()');
    await t.http('DELETE', `/users/${user}/connections`);
    for (const tab of [first, second]) await is_in(tab, 'stopped');
    const third = await open_tab(t, { beside: first });
    await check(third, 'right after the third connect()');
    assert.equal(await clients_of(t, user), 1);
  });

  test('join, leave, join, leave leaves the tab no member, whether the worker knows it already or not', async (t) => {
    const [user, room, other] = [t.name('Ida'), t.name('room'), t.name('other')];
    const tab = await open_tab(t);
    await begin_client(tab, { user, rooms: [] });
    const outcomes = () => tab.page.evaluate(async ({ room, other }) => {
      const { client } = window;
      const joins = [];
      for (let i = 0; i < 2; i++) {
        joins.push(client.join(room).then(() => 'joined', ({ code }) => code));
        client.leave(room);
      }
      // What is asked later is answered later: by then the server has had all of it.
      for (let i = 0; i < 3; i++) {
        await client.join(other);
        client.leave(other);
      }
      return [await Promise.all(joins), client.rooms];
    }, { room, other });
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await outcomes(), [['left', 'left'], []]);
      await until(async () => (await members_of(t, room)) + (await members_of(t, other)) === 0, 'the rooms to be left');
      await is_in(tab, 'open');
    }
    await t.say(room, 'not for it');
    await tab.page.evaluate((name) => window.client.join(name), room);
    assert.equal(await members_of(t, room), 1);
    await t.say(room, 'for it');
    await hears(tab, 'for it');
    assert.deepEqual(await contents(tab), ['for it']);
  });

  test('a worker that dies leaves no tab open; each goes on from its own positions', async (t) => {
    const [user, mine, yours, ours] = [t.name('Jon'), t.name('mine'), t.name('yours'), t.name('ours')];
    const first = await open_tab(t);
    const second = await open_tab(t, { beside: first });
    const tabs = [[first, mine], [second, yours]];
    for (const [tab, room] of tabs) {
      await tab.page.clock.install();
      await open_client(tab, { user, rooms: [room, ours] });
      for (const name of [room, ours]) await tab.page.evaluate((name) => window.client.join(name), name);
    }
    await second.page.evaluate(() => window.client.setStatus('busy'));
    const status = async () => (await t.get('/members', { room: ours })).json.members[0]?.status;
    await until(async () => (await status()) === 'busy', 'the status');
    for (const room of [mine, yours, ours]) await t.say(room, 'before');
    for (const [tab, room] of tabs) {
      await tab.page.waitForFunction((names) => names.every((name) => window.heard.some((event) => event.room === name && event.content === 'before')), [room, ours]);
    }
    await end_worker(t, first);
    await until(async () => (await clients_of(t, user)) === 0, 'the connection to end');
    for (const room of [mine, yours, ours]) await t.say(room, 'meanwhile');
    const published = second.page.evaluate((room) => window.client.publish(room, 'said to nobody'), ours);
    published.catch(() => {});  // when the test has failed meanwhile
    const read = first.page.evaluate((room) => window.client.history(room).then(() => 'answered', ({ code }) => code), ours);
    read.catch(() => {});  // when the test has failed meanwhile
    for (const [tab] of tabs) {
      await tab.page.clock.runFor(20000);
      await tab.page.waitForFunction(() => window.states.some(({ state }) => state === 'waiting'));
      await is_in(tab, 'open');
      assert.match(await tab.page.evaluate(() => window.states.find(({ state }) => state === 'waiting').reason), /shared_worker\.js has not answered within 15 s/);
    }
    assert.equal(await read, 'disconnected');
    assert.equal(typeof (await published).id, 'number');
    for (const room of [mine, yours, ours]) await t.say(room, 'after');
    for (const [tab, room] of tabs) {
      await hears(tab, 'said to nobody');
      await tab.page.waitForFunction((names) => names.every((name) => window.heard.some((event) => event.room === name && event.content === 'after')), [room, ours]);
      const heard = (name) => tab.page.evaluate((wanted) => window.heard.filter(({ type, room }) => type === 'message' && room === wanted).map(({ content }) => content), name);
      assert.deepEqual(await heard(room), ['before', 'meanwhile', 'after']);
      assert.deepEqual(await heard(ours), ['before', 'meanwhile', 'said to nobody', 'after']);
      assert.deepEqual(await tab.page.evaluate(() => window.heard.filter(({ type }) => type === 'gap')), []);
    }
    assert.equal(await clients_of(t, user), 1);
    assert.equal(await status(), 'busy');
  });

  test('a tab that comes with positions of its own goes on there, or hears of the gap', async (t) => {
    const [user, followed, kept, early] = [t.name('Jim'), t.name('followed'), t.name('kept'), t.name('early')];
    const first = await open_tab(t);
    await open_client(first, { user, rooms: [followed] });
    await first.page.evaluate((name) => window.client.join(name), followed);
    const positions = {};
    for (const room of [followed, kept, early]) {
      positions[room] = (await t.say(room, 'read')).event_id;
      for (const content of ['missed', 'and missed']) await t.say(room, content);
    }
    await hears(first, 'and missed');
    const events_of = (tab, room) => tab.page.evaluate((wanted) => window.heard.filter((event) => event.room === wanted && (event.content || event.type === 'gap'))
      .map(({ type, content, oldest }) => (type === 'gap' ? oldest : content)), room);
    const second = await open_tab(t, { beside: first });
    await begin_client(second, { user, rooms: [followed, kept], positions });
    for (const room of [followed, kept]) {
      await second.page.evaluate((name) => window.client.join(name), room);
      await t.say(room, 'live');
      await second.page.waitForFunction((name) => window.heard.some((event) => event.room === name && event.content === 'live'), room);
    }
    // What the first has taken is not fetched again.
    assert.deepEqual(await events_of(second, followed), [positions[followed] + 3, 'live']);
    assert.deepEqual(await events_of(second, kept), ['missed', 'and missed', 'live']);
    assert.deepEqual(await events_of(first, kept), []);
    // Both are there before the connection is: it begins where the one does that came first.
    const other = t.name('Joe');
    await begin_client(first, { user: other, rooms: [early], asks_token: [''], gated: true });
    await first.page.waitForFunction(() => window.asked === 1);
    await begin_client(second, { user: other, rooms: [early], positions, asks_token: [''] });
    await is_known(second);
    await first.page.evaluate(() => window.release());
    for (const tab of [first, second]) {
      await is_in(tab, 'open');
      await tab.page.evaluate((name) => window.client.join(name), early);
    }
    await second.page.waitForFunction(() => window.heard.some(({ type }) => type === 'gap'));
    await t.say(early, 'live');
    for (const tab of [first, second]) await tab.page.waitForFunction((name) => window.heard.some((event) => event.room === name && event.content === 'live'), early);
    assert.deepEqual(await events_of(second, early), [positions[early] + 3, 'live']);
    assert.deepEqual(await events_of(first, early), ['live']);
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
    test(`a worker that ${what} is reported, not waited for for ever`, async (t) => {
      const tab = await open_tab(t);
      await tab.page.evaluate(async (script) => {
        const { connect } = await import('/client/index.js');
        window.client = connect({ url: location.origin, shared: true, workerUrl: `${location.origin}/${script}` });
      }, script);
      await tab.page.waitForFunction(() => window.client.state.name === 'stopped', null, { timeout: 40000 });
      const { code, reason } = await tab.page.evaluate(() => window.client.state);
      assert.equal(code, 'worker');
      assert.match(reason, said);
    });
  }

  test('a worker whose failure the browser reports is reported at once', async (t) => {
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
      const client = connect({ url: location.origin, shared: true, workerUrl: `${location.origin}/nothing-here.js` });
      worker.onerror(new Event('error'));
      return client.state;
    });
    assert.equal(state.name, 'stopped');
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

const files = new Files();
const key = new Key('HS256');
const kRules = [{ match: '**', allow: ['subscribe', 'publish', 'presence', 'history'] }];

suite('tokens of a shared client', { at_once: 1, settings: { retry: '100ms', jwt_keys: files.key(key), jwt_leeway: '0s', origins: '*' } }, (test) => {
  const token_of = (sub, claims = {}) => key.token({ sub, permissions: kRules, ...claims });
  const ended = (sub) => token_of(sub, { iat: now_s() - 200, exp: now_s() - 100 });
  // No time runs out while a test waits for something else.
  const patient = { openTimeoutMs: 3600000 };

  test('a tab that is asked for a token and closes leaves the others not waiting', async (t) => {
    const [user, room] = [t.name('Kim'), t.name('room')];
    const first = await open_tab(t);
    await begin_client(first, { user, rooms: [room], asks_token: [null], ...patient });
    await first.page.waitForFunction(() => window.asked === 1);
    const second = await open_tab(t, { beside: first });
    await begin_client(second, { user, rooms: [room], asks_token: [token_of(user)], ...patient });
    await is_known(second);
    assert.equal(await second.page.evaluate(() => window.asked), 0);
    const published = second.page.evaluate((name) => window.client.publish(name, 'waiting'), room);
    published.catch(() => {});  // when the test has failed meanwhile
    await first.page.close();
    await is_in(second, 'open');
    assert.equal(typeof (await published).id, 'number');
    assert.equal(await second.page.evaluate(() => window.asked), 1);
  });

  // The first tab's is tried first, when the second is there. What the second has said before its turn is not lost.
  for (const [what, bad, good] of [
    ['that has ended', (user) => ({ token: ended(user) }), (user) => ({ token: token_of(user) })],
    ['that is fetched and always bad', () => ({ asks_token: ['bad'], gated: true, tabs: 3 }), (user) => ({ asks_token: [token_of(user)] })],
    ['that cannot be fetched in time', () => ({ asks_token: [null], openTimeoutMs: 1500 }), (user) => ({ token: token_of(user) })],
  ]) {
    test(`a token ${what} of one tab does not stop another that has a good one`, async (t) => {
      const [user, room] = [t.name('Lea'), t.name('room')];
      const proxy = await t.proxy();
      const first = await open_tab(t);
      const second = await open_tab(t, { beside: first });
      const given = bad(user);
      if (!given.asks_token) proxy.hold();
      const { tabs = 1, ...options } = given;
      await begin_client(first, { url: proxy.url, user, ...patient, ...options });
      for (let more = 1; more < tabs; more++) {
        await begin_client(await open_tab(t, { beside: first }), { url: proxy.url, user, ...patient, ...options, gated: false });
      }
      if (given.asks_token) await first.page.waitForFunction(() => window.asked === 1);
      await begin_client(second, { url: proxy.url, user, ...patient, ...good(user) });
      const published = second.page.evaluate((name) => window.client.publish(name, 'once').then(({ id }) => typeof id, String), room);
      published.catch(() => {});  // when the test has failed meanwhile
      await is_known(second);
      proxy.release();
      await first.page.evaluate(() => window.release());
      for (const tab of [first, second]) await is_in(tab, 'open');
      assert.equal(await published, 'number');
      for (const tab of [first, second]) assert.deepEqual(await tab.page.evaluate(() => window.states.filter(({ state }) => state === 'stopped')), []);
    });
  }

  test('where no tab has a good token all stop, and one that is opened with another opens it for all', async (t) => {
    const user = t.name('Mia');
    const first = await open_tab(t);
    await begin_client(first, { user, token: ended(user) });
    await is_in(first, 'stopped');
    const state = await first.page.evaluate(() => window.client.state);
    assert.deepEqual([state.needsToken, state.code], [true, 'unauthorized']);
    const second = await open_tab(t, { beside: first });
    await begin_client(second, { user, asks_token: ['bad', 'bad', 'bad', token_of(user)] });
    await is_in(second, 'stopped');
    assert.equal(await second.page.evaluate(() => window.client.state.needsToken), true);
    // Its function has brought three that were bad; the next is not.
    await second.page.evaluate(() => window.client.open());
    for (const tab of [first, second]) await is_in(tab, 'open');
  });
});
