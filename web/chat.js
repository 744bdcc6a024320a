// SPDX-License-Identifier: Apache-2.0
// The chat page: wires the form, the rooms, the message list and the members to a Client.

import { Client } from './client/index.js';
import { FileTransfers } from './file_transfers.js';
import { element } from './format.js';
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
let own_name = '';                // as the server knows this user: a token or a webhook may say another name than the form
let current = null;               // name of the room on show
let countdown = 0;
let typing_sent_at = 0;
const rooms = new Map();          // name → Room

class Room {
  constructor(name) {
    this.name = name;
    this.log = new MessageLog(() => own_name);
    this.log.on_change = () => { if (current === name) show_log(); };
    this.joined = false;
    this.problem = '';            // why this user is not in it
    this.history = 'unread';      // or 'read', or why it cannot be
    this.members = null;          // user → status; null while unknown
    this.members_problem = '';    // why it stays unknown
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
  const mine = new Client({ transports: [ui.transport.value], user: own_name, token: ui.token.value });
  connection = mine;
  files = new FileTransfers(mine);
  mine.on('*', (event) => { if (connection === mine) take(event); });
  mine.on('state', (state) => { if (connection === mine) show_state(state); });
  enter(rooms.get(room));
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
  // Who comes and goes from now on is not seen.
  for (const room of rooms.values()) {
    room.members = null;
    for (const user of room.typing.keys()) stop_typing(room, user);
  }
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
    for (const room of rooms.values()) if (room.joined) refresh(room);
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
    ui.state_text.textContent = needsToken ? 'Token needed' : 'Disconnected';
    show_notice(needsToken ? `${sentence(reason)} Enter a valid token and connect again.` : sentence(reason));
    finish();
    show_room();
  } else {
    ui.state_text.textContent = 'Connecting';
  }
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`;

function show_notice(text) {
  if (ui.notice.textContent !== text) ui.notice.textContent = text;
  ui.notice.hidden = !text;
}

// --- rooms ----------------------------------------------------------------------------------------------------------

function join(name) {
  if (!rooms.has(name) || rooms.get(name).problem) {
    const room = new Room(name);
    rooms.set(name, room);
    enter(room);
  }
  current = name;
  show_room();
  ui.message.focus();
}

// The client asks again by itself when a refusal will pass; a join that fails is refused for good.
async function enter(room) {
  const asked = connection;
  try {
    await asked.join(room.name);
    if (connection !== asked || rooms.get(room.name) !== room) return;
    room.joined = true;
    if (room.name === current) show_room();
    refresh(room);
  } catch (error) {
    if (connection === asked) refuse(room, error.message);
  }
}

function refuse(room, problem) {
  room.joined = false;
  room.problem = sentence(problem);
  room.members = null;
  if (room.name === current) show_room();
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
  refresh_members(room);
  try {
    const messages = await newest_messages(asked, room.name);
    if (connection !== asked) return;
    for (const event of messages) {
      if (!files.take(event, room.log)) room.log.add(event);
    }
    room.history = 'read';
  } catch (error) {
    if (connection !== asked) return;
    room.history = sentence(error.message);
  }
  if (room.name === current) show_log();
}

async function refresh_members(room) {
  const asked = connection;
  try {
    const { members } = await asked.members(room.name);
    if (connection !== asked || !room.joined || room.ended) return;
    room.members = new Map(members.map(({ user, status }) => [user, status ?? 'online']));
    // A poll counts from its first waiting request on; the one who looks is here all the same.
    if (own_name && !room.members.has(own_name)) room.members.set(own_name, 'online');
  } catch (error) {
    if (connection !== asked) return;
    room.members_problem = sentence(error.message);
  }
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
  ui.leave.disabled = !room || !connection;
  ui.message.disabled = ui.send.disabled = !room || room.ended || Boolean(room.problem) || !connection;
  ui.file.disabled = ui.message.disabled || ui.transport.value !== 'websocket';
  show_tabs();
  show_members();
  show_typing();
  ui.log.replaceChildren();
  at_end = true;
  show_log();
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
  const room = rooms.get(current);
  if (room) room.log.show_in(ui.log);
  else ui.log.replaceChildren();
  ui.log_empty.textContent = why_empty(room);
  ui.log_empty.hidden = Boolean(ui.log.children.length);
  keep_at_end();
}

function why_empty(room) {
  if (!room) return connection ? 'Join a room above.' : 'Connect to see the messages of a room.';
  if (room.problem) return `You are not in this room. ${room.problem}`;
  if (!connection) return 'Not connected.';
  if (!room.joined) return 'Joining the room…';
  if (room.history === 'unread') return 'Loading messages…';
  return room.history === 'read' ? 'The server keeps no messages of this room. New ones appear here.'
    : `Earlier messages cannot be shown. ${room.history} New ones appear here.`;
}

// Who reads the newest messages goes on doing so when there are more, and when the list gets less room.
let at_end = true;
const keep_at_end = () => { if (at_end) ui.log.scrollTop = ui.log.scrollHeight; };

function show_members() {
  const room = rooms.get(current);
  const members = room?.members ?? new Map();
  const names = [...members.keys()].sort((a, b) => a.localeCompare(b));
  ui.members.replaceChildren(...names.slice(0, kMembersShown).map((name) => {
    const item = element('li');
    const dot = element('span', '', 'presence');
    dot.dataset.status = members.get(name);
    dot.setAttribute('aria-hidden', 'true');
    item.append(dot, element('span', name === own_name ? `${name} (you)` : name, 'name'), element('span', members.get(name), 'muted'));
    return item;
  }));
  ui.member_count.textContent = String(names.length);
  ui.member_count.hidden = !room?.members;
  ui.members_empty.hidden = names.length > 0;
  ui.members_empty.textContent = room?.members ? 'No members.'
    : room?.joined && connection ? room.members_problem || 'Loading members…' : 'Join a room to see who is in it.';
}

function show_typing() {
  const names = [...(rooms.get(current)?.typing.keys() ?? [])];
  ui.typing.textContent = names.length === 0 ? ''
    : names.length === 1 ? `${names[0]} is typing…`
      : names.length < 4 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are typing…` : 'Several people are typing…';
}

// --- events ---------------------------------------------------------------------------------------------------------

const kHandlers = {
  connection_id({ user }) {
    if (user && user !== 'anonymous') ui.user.value = own_name = user;
  },
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
    room.members?.set(event.user, event.status ?? 'online');
    if (event.user !== own_name) room.log.notice(`${event.user} joined`);
    if (room.name === current) show_members();
  },
  member_left(event, room) {
    if (!room) return;
    room.members?.delete(event.user);
    stop_typing(room, event.user);
    room.log.notice(`${event.user} left`);
    if (room.name === current) show_members();
  },
  status(event, room) {
    for (const known of room ? [room] : rooms.values()) {
      if (known.members?.has(event.user)) known.members.set(event.user, event.status);
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
    if (room.name === current) show_room();
  },
  error(event, room) {
    const problem = event.message ?? event.code;
    if (!room || room.joined && connection.rooms.includes(room.name)) show_notice(sentence(problem));
    else refuse(room, problem);
  },
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
  at_end = true;
  const pending = room.log.pending(text);
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
  show_room();
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
  if (!rooms.get(current)?.joined || !ui.message.value || Date.now() - typing_sent_at < kTypingSentMs) return;
  typing_sent_at = Date.now();
  connection.typing(current);
});
ui.status.addEventListener('change', () => connection?.setStatus(ui.status.value));
ui.file.addEventListener('change', () => {
  const [file] = ui.file.files;
  if (file && connection && current) files.send(current, file).catch((error) => show_notice(`${file.name}: ${error.message}`));
  ui.file.value = '';
});

ui.log.addEventListener('scroll', () => { at_end = ui.log.scrollHeight - ui.log.scrollTop - ui.log.clientHeight < 60; });
new ResizeObserver(keep_at_end).observe(ui.log);

setInterval(() => {
  const room = rooms.get(current);
  if (connection && room && !document.hidden && ui.state.dataset.state === 'open' && room.joined) refresh_members(room);
}, kMembersPeriodMs);

const query = new URLSearchParams(location.search);
ui.user.value = query.get('user') ?? `Guest-${Math.floor(1000 + Math.random() * 9000)}`;
if (query.has('room')) ui.room.value = query.get('room');
if (query.has('transport')) ui.transport.value = query.get('transport');
new StatsPanel($('stats'));
show_room();
