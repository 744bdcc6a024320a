// SPDX-License-Identifier: Apache-2.0
// What an operator does from the dashboard, over the REST API: publish a test message, disconnect a user, remove a user
// from a room, drop a room's history. What cannot be undone is asked about first; refusals are shown in the server's words.

import { count } from './format.js';

const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

// By the id of its form: what is sent, what is asked before, what is said afterwards.
const kActions = {
  publish: {
    request: ({ room, content }) => ['POST', 'messages', { room, content }],
    done: ({ receivers }, { room }) => `Sent to ${room}: ${plural(receivers, 'member')} there.`,
  },
  disconnect: {
    request: ({ user }) => ['DELETE', `users/${encodeURIComponent(user)}/connections`],
    question: ({ user }) => `Close all connections of ${user}? Clients that reconnect by themselves will be back in a moment.`,
    yes: 'Disconnect',
    done: ({ disconnected }, { user }) => (disconnected === 0 ? `${user} has no connection here.` : `${plural(disconnected, 'connection')} of ${user} closed.`),
  },
  remove: {
    request: ({ room, user }) => ['DELETE', `rooms/${encodeURIComponent(room)}/members/${encodeURIComponent(user)}`],
    question: ({ room, user }) => `Remove ${user} from ${room}? The user stays connected, and may join again if the rules allow it.`,
    yes: 'Remove',
    done: (answer, { room, user }) => `${user} removed from ${room}.`,
  },
  purge: {
    request: ({ room }) => ['DELETE', `rooms/${encodeURIComponent(room)}`],
    question: ({ room }) => `Drop the kept messages of ${room}? They cannot be brought back. Members stay.`,
    yes: 'Drop history',
    done: (answer, { room }) => `The history of ${room} is empty now.`,
  },
};

export class Actions {
  // headers(): with the key; on_refused(): a key is needed, or this one is not taken.
  constructor(root, dialog, { headers, on_refused }) {
    Object.assign(this, { dialog, headers, on_refused });
    for (const form of root.querySelectorAll('form')) {
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        this.run(form);
      });
    }
  }

  async run(form) {
    const action = kActions[form.dataset.action];
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    if (action.question && !(await this.ask(action.question(values), action.yes))) return;
    const button = form.querySelector('button');
    button.disabled = true;
    this.say(form, '', '');
    try {
      const [method, path, body] = action.request(values);
      const response = await fetch(path, {
        method, cache: 'no-store', headers: { ...this.headers(), ...(body && { 'Content-Type': 'application/json' }) }, body: body && JSON.stringify(body),
      });
      const answer = await response.json().catch(() => null);
      if (response.ok) this.say(form, 'good', action.done(answer ?? {}, values));
      else this.say(form, 'bad', answer?.error?.message ?? `The server answers with HTTP ${response.status}.`);
      if (response.status === 401) this.on_refused(answer?.error?.message);
    } catch {
      this.say(form, 'bad', 'The server cannot be reached.');
    }
    button.disabled = false;
  }

  say(form, mood, text) {
    const output = form.querySelector('output');
    output.dataset.mood = mood;
    output.textContent = text;
  }

  ask(question, yes) {
    this.dialog.querySelector('p').textContent = question;
    this.dialog.querySelector('[value="yes"]').textContent = yes;
    this.dialog.returnValue = '';
    this.dialog.showModal();
    return new Promise((resolve) => {
      this.dialog.addEventListener('close', () => resolve(this.dialog.returnValue === 'yes'), { once: true });
    });
  }
}
