// SPDX-License-Identifier: Apache-2.0
// The list of messages of one room: kept in id order, without duplicates, bounded. Text nodes only.

import { element } from './format.js';

const kEntriesMax = 500;
const time_format = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

function text_of(event) {
  if (event.type === 'binary') return `Binary message, ${event.bytes ?? '?'} bytes`;
  if (typeof event.content === 'string') return event.content;
  return JSON.stringify(event.data ?? event.content ?? null);
}

export class MessageLog {
  constructor(own_name) {
    this.own_name = own_name;
    this.entries = [];       // {id, node}; id is NaN for notices and for what has no id yet
    this.ids = new Set();
    this.on_change = () => {};
  }

  add(event, label = '') {
    if (event.id !== undefined && this.ids.has(event.id)) return false;
    const node = this.entry(event.user ?? 'anonymous', text_of(event), event.timestamp, label);
    if (event.id !== undefined) node.dataset.id = event.id;
    this.insert(event.id ?? NaN, node);
    return true;
  }

  // An entry whose content is on its way: {progress(n, of), done(blob, name), failed(reason)}; null when it is known.
  file(event, text) {
    if (!this.add({ ...event, content: text })) return null;
    const node = this.entries.find(({ id }) => id === event.id).node;
    const bar = element('progress');
    bar.setAttribute('aria-label', text);
    node.append(bar);
    return {
      progress: (value, max) => Object.assign(bar, { value, max }),
      done: (blob, name) => {
        const link = element('a', `Download ${name}`, 'download');
        link.href = URL.createObjectURL(blob);
        link.download = name;
        bar.replaceWith(link);
      },
      failed: (reason) => {
        bar.remove();
        node.querySelector('.kind').textContent = reason;
      },
    };
  }

  notice(text, warn = false) {
    this.insert(NaN, element('li', text, warn ? 'event warn' : 'event'));
  }

  // One's own message before the server has numbered it.
  pending(text) {
    const node = this.entry(this.own_name() || 'anonymous', text, undefined, 'sending');
    node.classList.add('pending');
    this.insert(NaN, node);
    return {
      done: () => this.remove(node),
      failed: (reason) => {
        node.classList.replace('pending', 'failed');
        node.querySelector('.kind').textContent = `not sent: ${reason}`;
      },
    };
  }

  entry(user, text, timestamp, label) {
    const node = element('li', '', user === this.own_name() ? 'entry mine' : 'entry');
    const who = element('div', '', 'who');
    who.append(element('span', user, 'name'));
    const when = new Date(timestamp ?? Date.now());
    if (!Number.isNaN(when.getTime())) {
      const time = element('time', time_format.format(when));
      time.dateTime = when.toISOString();
      who.append(time);
    }
    who.append(element('span', label, 'kind'));
    node.append(who, element('div', text, 'text'));
    return node;
  }

  // History may come after the first live messages: a message goes before the first one with a higher id.
  insert(id, node) {
    let at = this.entries.length;
    if (!Number.isNaN(id)) {
      this.ids.add(id);
      for (let i = this.entries.length - 1; i >= 0 && !(this.entries[i].id < id); i--) {
        if (this.entries[i].id > id) at = i;
      }
    }
    this.entries.splice(at, 0, { id, node });
    while (this.entries.length > kEntriesMax) {
      const [oldest] = this.entries.splice(0, 1);
      this.ids.delete(oldest.id);
    }
    this.on_change();
  }

  remove(node) {
    const at = this.entries.findIndex((entry) => entry.node === node);
    if (at >= 0) this.entries.splice(at, 1);
    this.on_change();
  }

  // Brings a list element to the state of the log with the fewest changes, so that a screen reader hears only news.
  show_in(list) {
    const nodes = this.entries.map((entry) => entry.node);
    const wanted = new Set(nodes);
    for (const child of [...list.children]) {
      if (!wanted.has(child)) child.remove();
    }
    nodes.forEach((node, i) => {
      if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null);
    });
  }
}
