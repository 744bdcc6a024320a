// SPDX-License-Identifier: Apache-2.0
// Polled notifications: by time, at once when there is something newer, nothing missed.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';
import { until } from './lib/deadline.js';

suite('polled notifications', { settings: { poll_timeout: '1s' } }, (test) => {
  const poll = (t, user, since) => t.read('/notifications/poll', { user, since });
  const notify = (t, user, data) => t.publish({ to: user, data });

  test('the transcript: empty, then at once what is newer', async (t) => {
    const user = t.name('user');
    const empty = await poll(t, user);
    assert.deepEqual(Object.keys(empty), ['notifications', 'timestamp']);
    assert.deepEqual(empty.notifications, []);
    await notify(t, user, { title: 'one' });
    await notify(t, user, { title: 'two' });
    const both = await poll(t, user, empty.timestamp);
    assert.deepEqual(both.notifications, [{ title: 'one' }, { title: 'two' }]);
    assert.ok(both.timestamp > empty.timestamp);
    assert.deepEqual((await poll(t, user, both.timestamp)).notifications, []);
  });

  test('a poll that waits is answered by what comes', async (t) => {
    const at = await t.start_server({ poll_timeout: '120s' });  // that of the suite would be over where the machine is slow
    const user = t.name('user');
    const waiting = t.read('/notifications/poll', { user }, { at });
    waiting.catch(() => {});
    await until(async () => (await t.get(`/users/${user}`, {}, { at })).json?.online, 'the poll to wait');
    await t.publish({ to: user, data: { title: 'now' } }, { at });
    assert.deepEqual((await waiting).notifications, [{ title: 'now' }]);
  });

  test('none is missed and none comes twice while they are published as fast as may be', async (t) => {
    const user = t.name('user');
    let { timestamp } = await poll(t, user, 0);
    const got = [];
    const publishing = (async () => { for (let i = 0; i < 60; ++i) await notify(t, user, { i }); })();
    publishing.catch(() => {});  // when the test has failed meanwhile
    while (got.length < 60) {
      const answer = await poll(t, user, timestamp);
      got.push(...answer.notifications.map(({ i }) => i));
      timestamp = answer.timestamp;
    }
    await publishing;
    assert.deepEqual(got, [...Array(60).keys()]);
  });

  test('text comes as a native event', async (t) => {
    const user = t.name('user');
    await t.publish({ to: user, user: 'System', content: 'hi' });
    const { notifications } = await poll(t, user, 1);
    assert.equal(notifications[0].content, 'hi');
    assert.equal(notifications[0].user, 'System');
  });

  test('it is a user’s, and a since that is no time means now', async (t) => {
    t.refused(await t.get('/notifications/poll'), 401, 'unauthorized');
    const user = t.name('user');
    await t.publish({ to: user, user: 'System', content: 'before' });
    for (const since of [undefined, 'yesterday', '', '0', '-1', '1.5']) {
      const { notifications } = await t.read('/notifications/poll', { user, since, timeout: 1 });
      assert.deepEqual(notifications, [], since);
    }
  });
});
