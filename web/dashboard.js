// SPDX-License-Identifier: Apache-2.0
// The dashboard: the server's figures, a second apart, from the stream /stats/stream.

import { Chart } from './chart.js';
import { readEvents } from './client/index.js';
import { backoffMs } from './client/connection.js';
import { bytes, count, duration, element, percent } from './format.js';

const kKeyName = 'ringcast-api-key';
const kSilentMs = 15000;
const kRoomsShown = 200;
const kCoreColumns = ['load', 'clients', 'channels', 'memberships', 'published', 'delivered', 'queued_bytes', 'history_bytes'];

const $ = (id) => document.getElementById(id);

const charts = {
  connections: new Chart($('charts'), { title: 'Connections', format: count }),
  rates: new Chart($('charts'), { title: 'Messages per second', format: count }),
  traffic: new Chart($('charts'), { title: 'Bytes per second', format: (value) => `${bytes(value)}/s`, least: 1024 }),
  load: new Chart($('charts'), { title: 'Load per core', format: percent, top: 1 }),
  memory: new Chart($('charts'), { title: 'Memory', format: bytes, least: 1 << 20 }),
};

// --- figures --------------------------------------------------------------------------------------------------------

let previous = null;

function rates_between(before, now) {
  const seconds = (now.timestamp_ms - before.timestamp_ms) / 1000;
  if (!(seconds > 0) || now.uptime_seconds < before.uptime_seconds) return null;
  const rate = (name) => Math.max(0, (now[name] - before[name]) / seconds);
  return {
    published: rate('messages_total'), delivered: rate('deliveries_total'), received: rate('bytes_in_total'), sent: rate('bytes_out_total'),
    load: now.cores.map((core, i) => Math.min(1, Math.max(0, (core.cpu_us - (before.cores[i]?.cpu_us ?? core.cpu_us)) / 1e6 / seconds))),
  };
}

function show(stats) {
  const rates = previous && rates_between(previous, stats);
  previous = stats;
  charts.connections.add(stats.transports);
  charts.memory.add({ 'in use': stats.resident_bytes, history: stats.history_bytes, unsent: stats.cores.reduce((sum, core) => sum + core.queued_bytes, 0) });
  if (rates) {
    charts.rates.add({ published: rates.published, delivered: rates.delivered });
    charts.traffic.add({ received: rates.received, sent: rates.sent });
    charts.load.add(Object.fromEntries(rates.load.map((load, core) => [`core ${core}`, load])));
  }
  show_tiles(stats, rates);
  show_rooms(stats.rooms, stats.occupied_rooms);
  show_cores(stats.cores, rates);
  $('about').textContent = `version ${stats.version}, ${stats.io}${stats.draining ? ', draining' : ''}`;
}

function show_tiles(stats, rates) {
  const tiles = [
    ['Clients', count(stats.total_clients)], ['Users online', count(stats.online_users)], ['Channels', count(stats.channels)],
    ['Messages/s', count(rates?.published ?? 0)], ['Deliveries/s', count(rates?.delivered ?? 0)], ['Kept messages', count(stats.buffered_events)],
    ['Resumed', count(stats.resumed_total)], ['Gaps', count(stats.gaps_total)], ['Slow, closed', count(stats.slow_closed_total)],
    ['Memory', bytes(stats.resident_bytes)], ['Uptime', duration(stats.uptime_seconds)],
  ];
  $('tiles').replaceChildren(...tiles.map(([name, value]) => {
    const tile = element('div');
    tile.append(element('dt', name), element('dd', value));
    return tile;
  }));
}

function row_head(text) {
  const head = element('th', text);
  head.scope = 'row';
  head.title = text;
  return head;
}

function show_rooms(rooms, occupied) {
  const entries = Object.entries(rooms).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  $('room-count').textContent = count(occupied);
  $('rooms-empty').hidden = entries.length > 0;
  $('rooms').tBodies[0].replaceChildren(...entries.slice(0, kRoomsShown).map(([room, members]) => {
    const row = element('tr');
    row.append(row_head(room), element('td', count(members), 'number'));
    return row;
  }));
}

function show_cores(cores, rates) {
  const head = element('tr');
  for (const name of ['core', ...kCoreColumns]) {
    const column = element('th', name.replace('_bytes', ''), name === 'core' ? '' : 'number');
    column.scope = 'col';
    head.append(column);
  }
  $('cores').tHead.replaceChildren(head);
  $('cores').tBodies[0].replaceChildren(...cores.map((core, i) => {
    const row = element('tr');
    const text = (name) => (name === 'load' ? percent(rates?.load[i] ?? 0) : name.endsWith('_bytes') ? bytes(core[name]) : count(core[name]));
    row.append(row_head(String(core.core)), ...kCoreColumns.map((name) => element('td', text(name), 'number')));
    return row;
  }));
}

// --- the stream -----------------------------------------------------------------------------------------------------

function show_state(state, text) {
  $('state').dataset.state = state;
  $('state-text').textContent = text;
}

let key = sessionStorage.getItem(kKeyName) ?? '';
let stream = null;     // AbortController of the one that is read
let timer = 0;
let attempt = 0;

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
  listen();
  try {
    await readEvents(new URL('stats/stream', location.href), {
      signal: mine.signal,
      headers: key ? { 'X-API-Key': key } : {},
      onEvent: ({ type, data }) => {
        listen();
        if (stream !== mine || type !== 'stats') return;
        attempt = 0;
        $('key-form').hidden = true;
        if ($('state').dataset.state !== 'open') show_state('open', 'Live');
        show(JSON.parse(data));
      },
    });
  } catch (error) {
    status = error.status ?? 0;
  } finally {
    clearTimeout(watch);
  }
  if (stream !== mine) return;
  if (status === 401) return ask_for_key();
  if (status === 403 || status === 404) return show_state('stopped', status === 404 ? 'Figures are on the admin port' : 'Forbidden');
  const delay = Math.max(1000, backoffMs(attempt++));
  show_state('waiting', 'Reconnecting');
  timer = setTimeout(read, delay);
}

function ask_for_key() {
  $('key-reason').textContent = key ? 'The server does not take this API key.' : 'This server asks for an API key.';
  sessionStorage.removeItem(kKeyName);
  key = '';
  show_state('stopped', 'API key needed');
  $('key-form').hidden = false;
  $('key').focus();
}

$('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key = $('key').value;
  sessionStorage.setItem(kKeyName, key);
  $('key').value = '';
  show_state('connecting', 'Connecting');
  read();
});

read();
