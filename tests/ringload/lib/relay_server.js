// SPDX-License-Identifier: Apache-2.0
// A WebSocket server for the dialect `raw` that passes publishers' messages on to members, faithfully or not.
// Owned by a test. Members connect to /member/ROOM, publishers to /publisher/ROOM.

import { once } from 'node:events';
import { WebSocketServer } from 'ws';

export const kRelayArgs = ['--preset', 'raw', '--path', '/member/{room}', '--publisher-path', '/publisher/{room}'];

export class RelayServer {
  // `pass(send, text, number, member, index)` decides what becomes of message `number` for a member; it may also keep it,
  // or do something to `member`.
  static async start(t, pass) {
    const server = new RelayServer(pass);
    await once(server.listener, 'listening');
    t.after(() => server.stop());
    return server;
  }

  constructor(pass = (send, text) => send(text)) {
    this.pass = pass;
    this.rooms = new Map();
    this.listener = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    this.listener.on('connection', (socket, { url }) => this.on_connection(socket, url));
  }

  room(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, { members: [], messages: 0 });
    return this.rooms.get(name);
  }

  on_connection(socket, url) {
    const [, role, name] = url.split('/');
    const room = this.room(name);
    if (role === 'member') {
      room.members.push(socket);
      return;
    }
    socket.on('message', (data) => {
      const text = data.toString();
      const number = room.messages++;
      room.members.forEach((member, index) => this.pass((out) => member.send(out), text, number, member, index));
    });
  }

  get target() { return `127.0.0.1:${this.listener.address().port}`; }

  stop() {
    for (const client of this.listener.clients) client.terminate();
    return new Promise((resolve) => { this.listener.close(resolve); });
  }
}
