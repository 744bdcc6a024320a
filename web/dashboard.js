// SPDX-License-Identifier: Apache-2.0
// The dashboard: the server's figures of the last five minutes (/stats/history) and from then on, a second apart, those
// of /stats/stream.

import { Actions } from './actions.js';
import { Chart } from './chart.js';
import { readEvents } from './client/index.js';
import { backoffMs } from './client/connection.js';
import { Figures, sample_of, samples_of } from './figures.js';
import { bytes, clock, count, date, duration, element, percent, rounded, short_count } from './format.js';

const kKeyName = 'ringcast-api-key';
const kSilentMs = 15000;
const kRoomsShown = 200;
const kElsewhere = 'The figures are not served at this address: with admin_listen they are on the admin address only.';
const kNamesHidden = 'Their names are shown with an API key, on the admin address, or to a browser on the server\'s own machine.';

const $ = (id) => document.getElementById(id);
const per_second = (value) => `${short_count(value)}/s`;

// --- charts ---------------------------------------------------------------------------------------------------------

const others = [];
const chart = (options) => new Chart($('charts'), { ...options, others });
const charts = {
  clients: chart({ title: 'Clients', about: 'Connected now, by how they receive.', format: short_count }),
  messages: chart({ title: 'Messages', about: 'Published by anybody, and copies of them handed to clients.', format: per_second }),
  traffic: chart({
    title: 'Network', about: 'Bytes that came from clients, and bytes sent to them.',
    format: (value) => `${bytes(value)}/s`, least: 4096, binary: true,
  }),
  load: chart({ title: 'Processor use', about: 'Of each core\'s thread. At 100 % clients of that core wait.', format: percent, top: 1 }),
  memory: chart({
    title: 'Memory', about: 'Of the whole process; in it: kept messages, and what slow clients have not taken yet.',
    format: bytes, least: 4 << 20, binary: true,
  }),
  trouble: chart({
    title: 'Trouble', about: 'Errors sent to clients, clients closed because they read too slowly, returns that found messages gone.',
    format: per_second,
  }),
};

const figures = new Figures();

function draw() {
  const columns = figures.columns();
  const of = (...names) => names.map((name) => columns[name]);
  if (columns.times.length === 0) return;
  charts.clients.show(columns.times, ['WebSocket', 'event stream', 'long poll', 'Socket.IO'], of('websocket', 'sse', 'poll', 'socketio'));
  charts.messages.show(columns.times, ['published', 'delivered'], of('messages_total', 'deliveries_total'));
  charts.traffic.show(columns.times, ['received', 'sent'], of('bytes_in_total', 'bytes_out_total'));
  charts.load.show(columns.times, columns.names, columns.loads);
  charts.memory.show(columns.times, ['process', 'kept messages', 'not taken yet'], of('resident_bytes', 'history_bytes', 'queued_bytes'));
  charts.trouble.show(columns.times, ['errors', 'closed as slow', 'gaps'], of('errors_total', 'slow_closed_total', 'gaps_total'));
}

// --- tiles and tables -----------------------------------------------------------------------------------------------

function show(stats) {
  const sample = sample_of(stats);
  const rates = figures.add(sample);
  draw();
  show_tiles(stats, sample, rates);
  show_parts(stats);
  show_rooms(stats.rooms, stats.occupied_rooms);
  show_cores(stats.cores, rates);
  show_inlets(stats.inlets ?? []);
  const engine = stats.io === 'uring' ? 'io_uring' : stats.io;
  $('about').textContent = `Version ${stats.version}, ${engine}${stats.io_fallback ? ` (not io_uring: ${stats.io_fallback})` : ''}`;
}

// [name, value, explanation, whether it is bad]
function fill_tiles(list, tiles) {
  list.replaceChildren(...tiles.map(([name, value, note, bad = false]) => {
    const tile = element('div');
    if (bad) tile.dataset.mood = 'bad';
    tile.append(element('dt', name), element('dd', value), element('dd', note, 'note'));
    return tile;
  }));
}

let last_rates = null;   // an event that came too soon after another has none of its own

function show_tiles(stats, sample, rates) {
  last_rates = rates ?? last_rates;
  const rate = (name) => (last_rates ? count(rounded(last_rates[name])) : '–');
  fill_tiles($('tiles'), [
    ['Clients', count(stats.total_clients), 'connected now'],
    ['Users', count(stats.online_users), 'with a name, online now'],
    ['Rooms', count(stats.occupied_rooms), 'that have members'],
    ['Published', rate('messages_total'), 'messages a second'],
    ['Delivered', rate('deliveries_total'), 'copies to clients a second'],
    ['Kept', count(stats.buffered_events), `messages for those who return, ${bytes(stats.history_bytes)}`],
    ['Not taken yet', bytes(sample.queued_bytes), 'waits for slow clients'],
    ['Resumed', count(stats.resumed_total), 'returns that lost nothing, since the start'],
    ['Gaps', count(stats.gaps_total), 'returns that found messages gone, since the start'],
    ['Closed as slow', count(stats.slow_closed_total), 'clients that read too slowly, since the start'],
    ['Memory', bytes(stats.resident_bytes), 'of the process'],
    ['Running for', duration(stats.uptime_seconds), `since ${date(stats.timestamp_ms - 1000 * stats.uptime_seconds)}`],
  ]);
}

function show_parts({ broker, inlets, tls, http2 }) {
  const tiles = [];
  if (broker) {
    tiles.push(broker.up
      ? ['Nodes', count(broker.nodes), `servers that share rooms through Redis, which answers in ${count(broker.round_trip_us / 1000)} ms`]
      : ['Nodes', 'No Redis', 'Shared rooms take no messages until it can be reached again', true]);
  }
  if (inlets) {
    const up = inlets.filter((inlet) => inlet.up).length;
    const published = inlets.reduce((sum, inlet) => sum + inlet.published_total, 0);
    tiles.push(['Inlets', `${up} of ${inlets.length}`, `connected; ${count(published)} messages published from them`, up < inlets.length]);
  }
  if (tls) {
    const all = tls.full_total + tls.resumed_total;
    const resumed = all ? `, ${percent(tls.resumed_total / all)} of the handshakes resumed` : '';
    tiles.push(['TLS', count(tls.connections), `encrypted connections${resumed}${tls.failed_total ? `, ${count(tls.failed_total)} failed` : ''}`]);
  }
  // On by default: shown once somebody has used it.
  if (http2?.streams_total) tiles.push(['HTTP/2 streams', count(http2.streams), `open on ${count(http2.connections)} ${http2.connections === 1 ? 'connection' : 'connections'}`]);
  $('parts').hidden = tiles.length === 0;
  fill_tiles($('parts'), tiles);
}

function row_head(text) {
  const head = element('th', text);
  head.scope = 'row';
  head.title = text;
  return head;
}

function show_rooms(rooms, occupied) {
  const entries = Object.entries(rooms).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, kRoomsShown);
  $('room-count').textContent = count(occupied);
  $('rooms-about').hidden = entries.length === 0;
  $('rooms-scroll').hidden = entries.length === 0;
  $('rooms-empty').hidden = entries.length > 0;
  $('rooms-empty').textContent = occupied > 0 ? kNamesHidden : 'No room has members now.';
  $('rooms').tBodies[0].replaceChildren(...entries.map(([room, members]) => {
    const row = element('tr');
    row.append(row_head(room), element('td', count(members), 'number'));
    return row;
  }));
  $('room-names').replaceChildren(...entries.map(([room]) => {
    const option = element('option');
    option.value = room;
    return option;
  }));
}

// columns: [heading, text of a row, whether it is bad]; the first heads the row.
function fill_table(table, rows, columns) {
  const head = element('tr');
  for (const [i, [name]] of columns.entries()) {
    const cell = element('th', name, i === 0 ? '' : 'number');
    cell.scope = 'col';
    head.append(cell);
  }
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows.map((row, number) => {
    const line = element('tr');
    for (const [i, [name, text, is_bad]] of columns.entries()) {
      const cell = i === 0 ? row_head(text(row, number)) : element('td', text(row, number), 'number');
      if (i !== 0) cell.dataset.label = name;
      if (is_bad?.(row)) cell.dataset.mood = 'bad';
      line.append(cell);
    }
    return line;
  }));
}

function show_cores(cores) {
  fill_table($('cores'), cores, [
    ['Core', (core) => `Core ${core.core}`],
    ['Load', (core, i) => (last_rates ? percent(Math.round(100 * (last_rates.load[i] ?? 0)) / 100) : '–')],
    ['Clients', (core) => count(core.clients)],
    ['Memberships', (core) => count(core.memberships)],
    ['Channels', (core) => count(core.channels)],
    ['Published', (core) => short_count(core.published)],
    ['Delivered', (core) => short_count(core.delivered)],
    ['Kept', (core) => bytes(core.history_bytes)],
    ['Not taken', (core) => bytes(core.queued_bytes)],
  ]);
}

function show_inlets(inlets) {
  $('inlets-card').hidden = inlets.length === 0;
  fill_table($('inlets'), inlets, [
    ['Inlet', (inlet, i) => inlet.name ?? `Inlet ${i + 1}`],
    ['State', (inlet) => (!inlet.up ? 'not connected' : inlet.reads ? 'reads' : 'another node reads'), (inlet) => !inlet.up],
    ['Received', (inlet) => short_count(inlet.received_total)],
    ['Published', (inlet) => short_count(inlet.published_total)],
    ['Not publishable', (inlet) => count(inlet.unmapped_total)],
    ['In flight', (inlet) => count(inlet.in_flight)],
  ]);
}

// --- what the page is doing -----------------------------------------------------------------------------------------

function show_state(state, text) {
  $('state').dataset.state = state;
  $('state-text').textContent = text;
}

function show_problem(text, { again = false } = {}) {
  $('problem').hidden = text === '';
  $('problem-text').textContent = text;
  $('again').hidden = !again;
}

let key = sessionStorage.getItem(kKeyName) ?? '';
let stream = null;     // AbortController of the one that is read
let timer = 0;
let attempt = 0;
let last_ms = 0;       // when the last figures came

const headers = () => (key ? { 'X-API-Key': key } : {});

function live(stats) {
  attempt = 0;
  last_ms = Date.now();
  $('key-form').hidden = true;
  $('forget').hidden = key === '';
  $('main').hidden = false;
  show_problem('');
  if ($('state').dataset.state !== 'open' || stats.draining) show_state('open', stats.draining ? 'Live, the server is stopping' : 'Live');
  show(stats);
}

async function read_history(signal) {
  const response = await fetch('stats/history', { cache: 'no-store', headers: headers(), signal });
  if (response.ok) figures.replace(samples_of(await response.json()));
}

async function read() {
  clearTimeout(timer);
  stream?.abort();
  const mine = new AbortController();
  stream = mine;
  let watch = 0;
  const listen = () => {
    clearTimeout(watch);
    watch = setTimeout(() => mine.abort(), kSilentMs);
  };
  let status = 0;
  let words = '';
  listen();
  try {
    await read_history(mine.signal);
    await readEvents(new URL('stats/stream', location.href), {
      signal: mine.signal,
      headers: headers(),
      onEvent: ({ type, data }) => {
        listen();
        if (stream === mine && type === 'stats') live(JSON.parse(data));
      },
    });
  } catch (error) {
    status = error.status ?? 0;
    words = error.error?.message ?? '';
  } finally {
    clearTimeout(watch);
  }
  if (stream !== mine) return;
  if (status === 401) return ask_for_key(words);
  if (status === 403 || status === 404) return refused(status, words);
  wait(status, words);
}

function wait(status, words) {
  const delay = Math.max(1000, backoffMs(attempt++));
  const reason = status ? `The server refuses its figures: ${words || `HTTP ${status}`}.` : 'The server cannot be reached.';
  const old = last_ms ? ` What is below is from ${clock(last_ms / 1000, true)}.` : '';
  show_state('waiting', 'Reconnecting');
  show_problem(`${reason}${old} The page tries again by itself.`);
  timer = setTimeout(read, delay);
}

function refused(status, words) {
  $('main').hidden = true;
  $('key-form').hidden = status !== 403;
  $('key-reason').textContent = 'Another key may be allowed to see them.';
  show_state('stopped', 'Refused');
  show_problem(status === 404 ? kElsewhere : `The server refuses its figures: ${words || 'forbidden'}.`, { again: true });
}

function ask_for_key(words) {
  const refusal = `The server does not take this key${words ? `: ${words}` : ''}.`;
  $('key-reason').textContent = key ? refusal : 'This server shows its figures to those who have a key.';
  forget();
  show_problem('');
  $('main').hidden = true;
  show_state('stopped', 'Key needed');
  $('key-form').hidden = false;
  $('key').focus();
}

function forget() {
  sessionStorage.removeItem(kKeyName);
  key = '';
  $('forget').hidden = true;
}

$('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key = $('key').value;
  sessionStorage.setItem(kKeyName, key);
  $('key').value = '';
  show_state('connecting', 'Connecting');
  read();
});

$('forget').addEventListener('click', () => {
  forget();
  stream?.abort();
  stream = null;
  show_state('connecting', 'Connecting');
  read();
});

$('again').addEventListener('click', () => {
  show_problem('');
  show_state('connecting', 'Connecting');
  read();
});

new Actions($('actions'), $('confirm'), { headers, on_refused: ask_for_key });
read();
