// SPDX-License-Identifier: Apache-2.0
// The panel of the server's figures on the chat page: reads /stats every two seconds while the page is visible.

import { count, duration, element } from './format.js';

const kPeriodMs = 2000;
const kRefusals = {
  401: 'The server shows its figures only with an API key: the dashboard asks for one.',
  403: 'The server does not show its figures to this address.',
  404: 'The server shows its figures on its admin address only.',
};

export class StatsPanel {
  constructor(root) {
    this.tiles = element('dl', '', 'tiles');
    this.problem = element('p', 'Waiting for the server.', 'muted');
    root.append(element('h2', 'Server'), this.tiles, this.problem);
    this.previous = null;
    this.timer = 0;
    document.addEventListener('visibilitychange', () => this.schedule(0));
    this.schedule(0);
  }

  schedule(delay) {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.refresh(), delay);
  }

  async refresh() {
    try {
      const response = await fetch('stats', { cache: 'no-store' });
      if (response.ok) this.show(await response.json());
      else this.fail(kRefusals[response.status] ?? `The server answers with HTTP ${response.status}.`);
    } catch {
      this.fail('The server cannot be reached.');
    }
    this.schedule(kPeriodMs);
  }

  // Old figures would look like today's.
  fail(problem) {
    this.previous = null;
    this.tiles.replaceChildren();
    this.problem.textContent = problem;
    this.problem.hidden = false;
  }

  show(stats) {
    const seconds = this.previous ? (stats.timestamp_ms - this.previous.timestamp_ms) / 1000 : 0;
    const rate = (name) => (seconds > 0 ? count(Math.max(0, stats[name] - this.previous[name]) / seconds) : '–');
    const tiles = [
      ['Clients', count(stats.total_clients)], ['Users online', count(stats.online_users)],
      ['Published/s', rate('messages_total')], ['Delivered/s', rate('deliveries_total')],
      ['Messages kept', count(stats.buffered_events)], ['Running for', duration(stats.uptime_seconds)],
    ];
    this.previous = stats;
    this.problem.hidden = true;
    this.tiles.replaceChildren(...tiles.map(([name, value]) => {
      const tile = element('div');
      tile.append(element('dt', name), element('dd', value));
      return tile;
    }));
  }
}
