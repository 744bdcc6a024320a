// SPDX-License-Identifier: Apache-2.0
// The live panel: reads /stats every two seconds while the page is visible and draws what it finds.

const kPeriodMs = 2000;
const kSamples = 60;
const kRoomsShown = 50;
const kCoreColumns = ['clients', 'published', 'delivered', 'ticks'];
const kTiles = [
  ['total_clients', 'Clients'],
  ['online_users', 'Users online'],
  ['messages_per_second', 'Messages/s'],
  ['deliveries_per_second', 'Deliveries/s'],
  ['buffered_events', 'Kept messages'],
  ['uptime_seconds', 'Uptime'],
];
// Running totals that are shown as rates.
const kRates = [['messages_per_second', 'messages_total'], ['deliveries_per_second', 'deliveries_total']];

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

function duration(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

// Not part of index.html: the page itself stays below 4 KB, one piece for every reader.
const kPanel = `
  <div class="card-head"><h2 id="stats-title">Server</h2><p class="muted" id="stats-age">waiting</p></div>
  <dl class="tiles" id="stats-tiles"></dl>
  <svg class="spark" id="stats-spark" viewBox="0 0 240 40" preserveAspectRatio="none" role="img"
    aria-label="Clients over the last two minutes"><polyline points=""></polyline></svg>
  <h3>Rooms</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="Members per room"><table id="stats-rooms"><thead>
    <tr><th scope="col">Room</th><th scope="col" class="number">Members</th></tr></thead><tbody></tbody></table></div>
  <h3>Cores</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="Figures per core"><table id="stats-cores"><thead></thead>
    <tbody></tbody></table></div>`;

function cell(tag, text, is_number) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (is_number) element.className = 'number';
  if (tag === 'th') element.scope = 'row';
  return element;
}

export class StatsPanel {
  constructor(root = document) {
    root.getElementById('stats').insertAdjacentHTML('beforeend', kPanel);
    this.tiles = root.getElementById('stats-tiles');
    this.age = root.getElementById('stats-age');
    this.spark = root.getElementById('stats-spark');
    this.rooms = root.getElementById('stats-rooms').tBodies[0];
    this.cores = root.getElementById('stats-cores');
    this.samples = [];
    this.previous = null;
    this.timer = 0;
    root.addEventListener('visibilitychange', () => this.schedule(0));
    this.schedule(0);
  }

  schedule(delay) {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.refresh(), delay);
  }

  async refresh() {
    try {
      const response = await fetch('stats', { cache: 'no-store' });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.show(await response.json());
      this.age.textContent = 'live';
    } catch (error) {
      this.age.textContent = error.message.startsWith('HTTP') ? error.message : 'not reachable';
    }
    this.schedule(kPeriodMs);
  }

  show(stats) {
    const now = performance.now();
    const shown = { ...stats };
    for (const [rate, name] of kRates) {
      const total = stats[name];
      if (typeof total !== 'number') continue;
      shown[rate] = this.previous?.[rate] === undefined ? 0 : Math.max(0, total - this.previous[rate]) / ((now - this.previous.at) / 1000);
      this.totals = { ...this.totals, [rate]: total };
    }
    this.previous = { ...this.totals, at: now };
    this.tiles.replaceChildren(...kTiles.filter(([key]) => typeof shown[key] === 'number').map(([key, label]) => {
      const tile = document.createElement('div');
      tile.append(cell('dt', label), cell('dd', key === 'uptime_seconds' ? duration(shown[key]) : number.format(shown[key])));
      return tile;
    }));
    this.draw(stats.total_clients ?? stats.active_connections ?? 0);
    this.show_rooms(stats.rooms ?? {});
    this.show_cores(stats.cores ?? []);
  }

  draw(value) {
    this.samples.push(value);
    if (this.samples.length > kSamples) this.samples.shift();
    const top = Math.max(1, ...this.samples);
    const step = 240 / (kSamples - 1);
    const first = kSamples - this.samples.length;
    this.spark.firstElementChild.setAttribute('points',
      this.samples.map((sample, i) => `${((first + i) * step).toFixed(1)},${(38 - 35 * sample / top).toFixed(1)}`).join(' '));
  }

  show_rooms(rooms) {
    const entries = Object.entries(rooms).filter(([, members]) => members > 0)
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, kRoomsShown);
    this.rooms.replaceChildren(...entries.map(([room, members]) => {
      const row = document.createElement('tr');
      const name = cell('th', room);
      name.title = room;
      row.append(name, cell('td', number.format(members), true));
      return row;
    }));
  }

  show_cores(cores) {
    const list = Array.isArray(cores) ? cores : Object.values(cores);
    const keys = kCoreColumns.filter((key) => typeof list[0]?.[key] === 'number');
    const head = document.createElement('tr');
    for (const key of ['core', ...keys]) {
      const column = cell('th', key.replaceAll('_', ' '), key !== 'core');
      column.scope = 'col';
      head.append(column);
    }
    this.cores.tHead.replaceChildren(head);
    this.cores.tBodies[0].replaceChildren(...list.map((core, index) => {
      const row = document.createElement('tr');
      row.append(cell('th', String(core.core ?? index)), ...keys.map((key) => cell('td', number.format(core[key]), true)));
      return row;
    }));
  }
}
