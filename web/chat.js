// SPDX-License-Identifier: Apache-2.0
// The chat page: wires the form, the rooms, the message list and the members to a Client.

import { Client } from './client/index.js';
import { FileTransfers } from './file_transfers.js';
import { MessageLog } from './message_log.js';
import { StatsPanel } from './stats.js';

const kHistoryLimit = 50;
const kTypingShownMs = 4000;
const kTypingSentMs = 2000;
const kMembersShown = 200;
const kMembersPeriodMs = 10000;   // a transport that has gaps between its requests may miss a coming or going

const $ = (id) => document.getElementById(id);
const ui = Object.fromEntries(['file', 'user', 'room', 'transport', 'token', 'connect', 'disconnect', 'connect-form', 'state', 'state-text',
  'rooms', 'leave', 'log', 'log-empty', 'typing', 'compose', 'message', 'send', 'notice', 'members', 'members-empty',
  'member-count', 'status'].map((id) => [id.replaceAll('-', '_'), $(id)]));

let connection = null;            // a Client
let files = null;                 // its FileTransfers
let own_name = '';
let current = null;               // name of the room on show
let countdown = 0;
let typing_sent_at = 0;
const rooms = new Map();          // name → Room

class Room {
  constructor(name) {
    this.name = name;
    this.log = new MessageLog(own_name);
    this.log.on_change = () => { if (current === name) show_log(); };
    this.members = new Map();     // user → status
    this.typing = new Map();      // user → timer
    this.unread = 0;
    this.ended = false;
  }
}

// --- the connection's life ------------------------------------------------------------------------------------------

function start() {
  finish();
  own_name = ui.user.value.trim();
  rooms.clear();
  show_notice('');
  const room = ui.room.value.trim();
  rooms.set(room, new Room(room));
  current = room;
  const mine = new Client({ transports: [ui.transport.value], user: own_name, token: ui.token.value, rooms: [room] });
  connection = mine;
  files = new FileTransfers(mine);
  mine.on('*', (event) => { if (connection === mine) take(event); });
  mine.on('state', (state) => { if (connection === mine) show_state(state); });
  mine.open();
  enable(true);
  show_room();
  ui.message.focus();
}

function finish() {
  const old = connection;
  connection = null;
  old?.close();
  clearInterval(countdown);
  enable(false);
}

function enable(on) {
  ui.disconnect.disabled = !on;
  ui.message.disabled = ui.send.disabled = ui.leave.disabled = !on;
  ui.file.disabled = ui.status.disabled = !on || ui.transport.value !== 'websocket';
  ui.user.disabled = ui.transport.disabled = ui.token.disabled = on;
  ui.connect.textContent = on ? 'Join room' : 'Connect';
}

function show_state({ name: state, reason = '', delayMs = 0, needsToken = false }) {
  clearInterval(countdown);
  ui.state.dataset.state = state;
  if (state === 'open') {
    ui.state_text.textContent = `Connected over ${ui.transport.selectedOptions[0].text}`;
    show_notice('');
    for (const room of rooms.values()) refresh(room);
  } else if (state === 'waiting') {
    const until = Date.now() + delayMs;
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      ui.state_text.textContent = seconds ? `Reconnecting in ${seconds} s` : 'Reconnecting';
    };
    tick();
    countdown = setInterval(tick, 500);
    show_notice(`${sentence(reason)} What is said meanwhile will be delivered after the reconnect.`);
  } else if (state === 'stopped') {
    ui.state_text.textContent = sentence(reason);
    show_notice(needsToken ? `${sentence(reason)} Enter a valid token and connect again.` : sentence(reason));
    finish();
  } else {
    ui.state_text.textContent = 'Connecting';
  }
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function show_notice(text) {
  if (ui.notice.textContent !== text) ui.notice.textContent = text;
  ui.notice.hidden = !text;
}

// --- rooms ----------------------------------------------------------------------------------------------------------

function join(name) {
  if (!rooms.has(name)) {
    const room = new Room(name);
    rooms.set(name, room);
    connection.join(name).then(() => refresh(room), (error) => show_notice(sentence(error.message)));
  }
  current = name;
  show_room();
  ui.message.focus();
}

function leave() {
  if (!current) return;
  connection.leave(current);
  rooms.delete(current);
  current = rooms.keys().next().value ?? null;
  show_room();
}

// Who is there and what was said before; the seam to live messages is the connection's, this only fills the list.
async function refresh(room) {
  const asked = connection;
  try {
    const [messages] = await Promise.all([newest_messages(asked, room.name), refresh_members(room)]);
    if (connection !== asked) return;
    for (const event of messages) {
      if (!files.take(event, room.log)) room.log.add(event);
    }
  } catch {
    // Closed to this user, or the server is away: live messages are shown all the same.
  }
}

async function refresh_members(room) {
  const asked = connection;
  const { members } = await asked.members(room.name);
  if (connection !== asked || room.ended) return;
  room.members = new Map(members.map(({ user, status }) => [user, status ?? 'online']));
  // A poll counts from its first waiting request on; the one who looks is here all the same.
  if (own_name && !room.members.has(own_name)) room.members.set(own_name, 'online');
  if (current === room.name) show_members();
}

// History is read forwards from a position, and ids are contiguous.
async function newest_messages(asked, name) {
  const { newest } = await asked.history(name, { limit: 1 });
  if (!newest) return [];
  return (await asked.history(name, { after: Math.max(0, newest - kHistoryLimit), limit: kHistoryLimit })).messages;
}

function show_room() {
  const room = rooms.get(current);
  if (room) room.unread = 0;
  ui.leave.disabled = !room;
  ui.message.disabled = ui.send.disabled = !room || room.ended || !connection;
  ui.file.disabled = ui.message.disabled || ui.transport.value !== 'websocket';
  show_tabs();
  show_members();
  show_typing();
  ui.log.replaceChildren();
  show_log();
  ui.log.scrollTop = ui.log.scrollHeight;
}

function show_tabs() {
  ui.rooms.replaceChildren(...[...rooms.values()].map((room) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.title = room.name;
    const name = document.createElement('span');
    name.className = 'room-name';
    name.textContent = room.name;
    button.append(name);
    button.setAttribute('aria-pressed', String(room.name === current));
    if (room.unread) {
      const unread = document.createElement('span');
      unread.className = 'unread';
      unread.textContent = String(room.unread);
      unread.setAttribute('aria-label', `${room.unread} unread`);
      button.append(unread);
    }
    button.addEventListener('click', () => { current = room.name; show_room(); });
    return button;
  }));
}

function show_log() {
  const at_end = ui.log.scrollHeight - ui.log.scrollTop - ui.log.clientHeight < 60;
  const room = rooms.get(current);
  if (room) room.log.show_in(ui.log);
  else ui.log.replaceChildren();
  ui.log_empty.hidden = Boolean(ui.log.children.length);
  ui.log_empty.textContent = room ? 'Nothing has been said here yet.' : connection ? 'Join a room above.' : 'Connect to see what is said in a room.';
  if (at_end) ui.log.scrollTop = ui.log.scrollHeight;
}

function show_members() {
  const members = rooms.get(current)?.members ?? new Map();
  const names = [...members.keys()].sort((a, b) => a.localeCompare(b));
  ui.members.replaceChildren(...names.slice(0, kMembersShown).map((name) => {
    const item = document.createElement('li');
    const dot = document.createElement('span');
    dot.className = 'presence';
    dot.dataset.status = members.get(name);
    dot.setAttribute('aria-hidden', 'true');
    const label = document.createElement('span');
    label.className = 'name';
    label.textContent = name === own_name ? `${name} (you)` : name;
    const status = document.createElement('span');
    status.className = 'muted';
    status.textContent = members.get(name);
    item.append(dot, label, status);
    return item;
  }));
  ui.member_count.textContent = String(names.length);
  ui.members_empty.hidden = names.length > 0;
}

function show_typing() {
  const names = [...(rooms.get(current)?.typing.keys() ?? [])];
  ui.typing.textContent = names.length === 0 ? ''
    : names.length === 1 ? `${names[0]} is typing…`
      : names.length < 4 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are typing…` : 'Several people are typing…';
}

// --- events ---------------------------------------------------------------------------------------------------------

const kHandlers = {
  connection_id() {},
  joined() {},
  members() {},
  history() {},
  pong() {},
  reconnect() {},
  token_expiring() { show_notice('The token is about to expire.'); },
  gap(event, room) {
    room?.log.notice(event.reset ? 'The room was started anew; earlier messages are gone.' : 'Some messages are no longer kept and were missed.', true);
  },
  lagged(event, room) {
    room?.log.notice(`${event.missed} messages were skipped because this connection was too slow.`, true);
    if (room) refresh(room);
  },
  member_joined(event, room) {
    if (!room) return;
    room.members.set(event.user, event.status ?? 'online');
    if (event.user !== own_name) room.log.notice(`${event.user} joined`);
    if (room.name === current) show_members();
  },
  member_left(event, room) {
    if (!room) return;
    room.members.delete(event.user);
    stop_typing(room, event.user);
    room.log.notice(`${event.user} left`);
    if (room.name === current) show_members();
  },
  status(event, room) {
    for (const known of room ? [room] : rooms.values()) {
      if (known.members.has(event.user)) known.members.set(event.user, event.status);
    }
    show_members();
  },
  typing(event, room) {
    if (!room || event.user === own_name) return;
    clearTimeout(room.typing.get(event.user));
    room.typing.set(event.user, setTimeout(() => stop_typing(room, event.user), kTypingShownMs));
    if (room.name === current) show_typing();
  },
  left(event, room) {
    if (!room || event.reason === 'left') return;
    room.ended = true;
    room.log.notice(event.reason === 'final' ? 'The room has ended.' : `You were taken out of the room (${event.reason}).`, true);
    if (room.name === current) ui.message.disabled = ui.send.disabled = true;
  },
  error(event) { show_notice(event.message ?? event.code); },
  problem(event) { show_notice(event.message ?? event.code ?? 'The server reports a problem.'); },
};

function take(event) {
  const room = rooms.get(event.room);
  const handler = Object.hasOwn(kHandlers, event.type) ? kHandlers[event.type] : null;
  if (handler) {
    handler(event, room);
    return;
  }
  // Everything else is a message: of a room, or to this user, or to everybody; the latter go to the room on show.
  const target = room ?? rooms.get(current);
  if (!target || files.take(event, target.log)) return;
  const label = room ? '' : event.room === '*' ? 'to everyone' : 'direct';
  if (!target.log.add(event, label)) return;
  stop_typing(target, event.user);
  if (target.name !== current) {
    target.unread++;
    show_tabs();
  }
}

function stop_typing(room, user) {
  clearTimeout(room.typing.get(user));
  if (room.typing.delete(user) && room.name === current) show_typing();
}

async function say(text) {
  const room = rooms.get(current);
  const pending = room.log.pending(text);
  ui.log.scrollTop = ui.log.scrollHeight;
  try {
    await connection.publish(room.name, text);
    pending.done();
  } catch (error) {
    pending.failed(error.message);
  }
}

// --- the form -------------------------------------------------------------------------------------------------------

ui.connect_form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (connection) join(ui.room.value.trim());
  else start();
});
ui.disconnect.addEventListener('click', () => {
  finish();
  ui.state.dataset.state = 'idle';
  ui.state_text.textContent = 'Not connected';
  show_notice('');
});
ui.leave.addEventListener('click', leave);
ui.compose.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = ui.message.value;
  if (!text.trim() || !current) return;
  ui.message.value = '';
  say(text);
});
ui.message.addEventListener('input', () => {
  if (!current || !ui.message.value || Date.now() - typing_sent_at < kTypingSentMs) return;
  typing_sent_at = Date.now();
  connection.typing(current);
});
ui.status.addEventListener('change', () => connection?.setStatus(ui.status.value));
ui.file.addEventListener('change', () => {
  const [file] = ui.file.files;
  if (file && connection && current) files.send(current, file).catch((error) => show_notice(`${file.name}: ${error.message}`));
  ui.file.value = '';
});

setInterval(() => {
  const room = rooms.get(current);
  if (connection && room && !document.hidden && ui.state.dataset.state === 'open') refresh_members(room).catch(() => {});
}, kMembersPeriodMs);

const query = new URLSearchParams(location.search);
ui.user.value = query.get('user') ?? `Guest-${Math.floor(1000 + Math.random() * 9000)}`;
if (query.has('room')) ui.room.value = query.get('room');
if (query.has('transport')) ui.transport.value = query.get('transport');
new StatsPanel();
