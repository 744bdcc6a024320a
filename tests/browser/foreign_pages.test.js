// SPDX-License-Identifier: Apache-2.0
// Pages of other systems, written as people write them (inline scripts and styles, onclick, no token where there is
// none), from a directory of files, in a real browser.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { suite } from '../integration/lib/runner.js';
import { Files, Key } from '../integration/lib/tokens.js';
import { open_tab } from './browser.js';

const page = (script, body = '') => `<!doctype html><title>page</title><style>body { color: rgb(1, 2, 3) }</style>${body}
<pre id="log"></pre><script>
function log(text) { document.getElementById('log').textContent += text + '\\n'; }
const $ = (name) => new URLSearchParams(location.search).get(name);
${script}</script>`;

const kPages = {
  'order.html': page(`
    function watch() {
      const source = new EventSource('/events/order-status/' + $('order'));
      source.onmessage = (event) => log(JSON.parse(event.data).status);
      source.onerror = () => { if (source.readyState === EventSource.CLOSED) log('closed'); };
    }`, '<button onclick="watch()">Watch</button>'),
  'feed.html': page(`
    const source = new EventSource('/events');
    source.addEventListener('message', (event) => { const m = JSON.parse(event.data); log(m.user + ': ' + m.content); });
    async function send() {
      await fetch('/messages', { method: 'POST', body: JSON.stringify({ user: 'Alice', content: document.getElementById('text').value }) });
    }`, '<input id="text"><button onclick="send()">Send</button>'),
  'broker.html': page(`
    const source = new EventSource('/sse/stream?user_id=' + $('user') + '&topics=news');
    source.onopen = () => log('open');
    source.addEventListener('test', (event) => log(event.data));`),
  'gateway.html': page(`
    const source = new EventSource('/woolive/sse?user=' + $('user'));
    source.addEventListener('connection_id', (event) => log('id ' + JSON.parse(event.data).connection_id.length));
    source.addEventListener('chat', (event) => { const m = JSON.parse(event.data); log(m.from + '>' + m.to + ' ' + m.text); });
    source.onmessage = (event) => log('push ' + event.data);
    function send() { fetch('/api/send?user=' + $('user'), { method: 'POST', body: JSON.stringify({ text: 'hi' }) }); }`,
  '<button onclick="send()">Send</button>'),
  'sse_chat.html': page(`
    const source = new EventSource('/sse?username=' + $('name'));
    source.addEventListener('system', (event) => log(JSON.parse(event.data).content));
    source.addEventListener('online_list', (event) => log('online ' + JSON.parse(event.data).join()));
    source.addEventListener('chat', (event) => { const m = JSON.parse(event.data); log(m.from + (m.to ? '>' + m.to : '') + ' ' + m.content + ' ' + m.type); });
    function say(to) { fetch('/send', { method: 'POST', body: JSON.stringify({ from: $('name'), to, content: 'hi' }) }); }`,
  '<button onclick="say()">Say</button><a href="#" id="whisper" onclick="say(\'ben\')">whisper</a>'),
  'polls.html': page(`
    (async () => {
      for (let since = 1; ;) {
        const answer = await (await fetch('/notifications/poll?user=' + $('user') + '&since=' + since)).json();
        for (const each of answer.notifications) log(each.title);
        since = answer.timestamp;
      }
    })();`),
  'index.html': page(`
    const hub = new WebSocket('ws://' + location.host + '/ws?username=' + $('name'));
    hub.onmessage = (event) => { const m = JSON.parse(event.data); log([m.type, m.username, m.content, typeof m.user_id, isNaN(new Date(m.timestamp))].join(' ')); };
    function send() { hub.send(JSON.stringify({ type: 'message', content: 'hello' })); }`, '<button onclick="send()">Send</button>'),
  'hub.html': page(`
    const hub = new WebSocket('ws://' + location.host + '/?token=' + $('token'));
    hub.onopen = () => hub.send(JSON.stringify({ type: 'join-room', roomId: 7 }));
    hub.onclose = (event) => log('closed ' + event.code);
    hub.onmessage = (event) => { const m = JSON.parse(event.data); log(m.type + ' ' + (m.from ?? '') + ' ' + (m.content ?? m.message)); };
    function send() { hub.send(JSON.stringify({ type: 'send-message', roomId: 7, content: 'hello' })); }
    function fly() { hub.send(JSON.stringify({ type: 'fly' })); }`, '<button onclick="send()">Send</button><i id="fly" onclick="fly()">fly</i>'),
  'room.html': page(`
    const chat = new WebSocket('ws://127.0.0.1:' + $('port') + '/ws?user=Alice');
    chat.onopen = () => { chat.send('{"action":"join","room":"one"}'); chat.send('{"action":"join","room":"general"}'); };
    chat.onmessage = (event) => { const m = JSON.parse(event.data); log([m.event_type, m.room, m.user, m.content].filter(Boolean).join(' ')); };
    function send() { chat.send('{"action":"message","content":"Hello everyone!"}'); }
    function post() { fetch('http://127.0.0.1:' + $('port') + '/messages', { method: 'POST', body: '{"room":"general","user":"System","content":"posted"}' }); }`,
  '<button onclick="send()">Send</button><i id="post" onclick="post()">post</i>'),
};

async function pages(t) {
  const folder = await mkdtemp(join(tmpdir(), 'ringcast-pages-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(kPages)) await writeFile(join(folder, name), text);
  return folder;
}

const shows = (tab, text) => tab.page.waitForFunction((wanted) => document.getElementById('log').textContent.includes(wanted), text)
  .catch(async (error) => { throw new Error(`${error.message}: no ${text} in ${await tab.page.textContent('#log')}; ${tab.problems.join('; ')}`); });

suite('pages of other systems', { server: false, at_once: 1 }, (test) => {
  test('streams and polls: order status, resumable stream, broker, gateway, chat, notifications', async (t) => {
    const folder = await pages(t);
    const server = await t.start_server({
      web_root: folder, preset: ['order_status', 'resumable_stream', 'sse_broker', 'push_gateway', 'sse_chat', 'notification_poll'],
    });
    t.server = server;
    const open = (query) => open_tab(t, { query });

    const order = await open('order.html?order=7');
    assert.equal(await order.page.evaluate(() => getComputedStyle(document.body).color), 'rgb(1, 2, 3)');
    await t.publish({ room: 'order-status/7', data: { status: 'processing' } });
    await order.page.click('button');
    await shows(order, 'processing');
    await t.publish({ room: 'order-status/7', data: { status: 'completed' } });
    await shows(order, 'processing\ncompleted\nclosed');

    const feed = await open('feed.html');
    await feed.page.fill('#text', 'Hello');
    await feed.page.click('button');
    await shows(feed, 'Alice: Hello');

    const user = randomUUID();
    const broker = await open(`broker.html?user=${user}`);
    await shows(broker, 'open');
    await t.publish({ topic: 'news', event: 'test', data: 'plain text' });
    await shows(broker, 'plain text');

    const gateway = await open('gateway.html?user=ann');
    await shows(gateway, 'id 32');
    await gateway.page.click('button');
    await shows(gateway, 'ann>all hi');
    await t.publish({ to: 'ann', data: '{"title":"t"}' });
    await shows(gateway, 'push {"title":"t"}');

    const [ann, ben] = [await open('sse_chat.html?name=ann'), await open('sse_chat.html?name=ben')];
    await shows(ann, 'ben is here, welcome');
    await shows(ann, 'online ann,ben');
    await ann.page.click('button');
    await ann.page.click('#whisper');
    for (const tab of [ann, ben]) await shows(tab, 'ann hi chat');
    await shows(ben, 'ann>ben hi chat');

    const polls = await open('polls.html?user=dan');
    await t.publish({ to: 'dan', data: { title: 'one' } });
    await t.publish({ to: 'dan', data: { title: 'two' } });
    await shows(polls, 'one\ntwo');
  });

  test('chat hub, its page at /', async (t) => {
    const server = await t.start_server({ preset: 'hub_chat', static_dir: await pages(t) });
    const [ann, ben] = [await open_tab(t, { base: server.url, query: '?name=ann' }), await open_tab(t, { base: server.url, query: 'static/?name=ben' })];
    await shows(ben, 'join ben ben joined the chat string false');
    await ann.page.click('button');
    for (const tab of [ann, ben]) await shows(tab, 'message ann hello string false');
    await ben.page.close();
    await shows(ann, 'leave ben ben left the chat string false');
  });

  test('token hub on any path', async (t) => {
    const key = new Key('HS256');
    const server = await t.start_server({ preset: 'token_hub', token_hub_any_path: true, web_root: await pages(t), jwt_keys: [new Files().key(key)] });
    const open = (token) => open_tab(t, { base: server.url, query: `hub.html?token=${token}` });
    const [ann, ben] = [await open(key.token({ sub: 1, name: 'Ann' })), await open(key.token({ sub: 2 }))];
    for (const tab of [ann, ben]) {
      await tab.page.click('#fly');  // answered behind the join
      await shows(tab, 'error');
    }
    await ann.page.click('button');
    await shows(ben, 'new-message Ann hello');
    assert.ok(!(await ann.page.textContent('#log')).includes('new-message'));
    await shows(await open('nonsense'), 'closed 4001');
  });

  test('room chat, from a file', async (t) => {
    const server = await t.start_server({ preset: 'room_chat' });
    const tab = await open_tab(t, { base: `file://${await pages(t)}`, query: `room.html?port=${server.port}` });
    await shows(tab, 'left one');
    await shows(tab, 'joined general');
    await tab.page.click('button');
    await shows(tab, 'message general Alice Hello everyone!');
    await tab.page.click('#post');
    await shows(tab, 'message general System posted');
  });
});
