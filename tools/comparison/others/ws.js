// SPDX-License-Identifier: Apache-2.0
// What most people write first: rooms on the npm package ws. /room/NAME is a member of a room, /publish/NAME sends to
// all of its members, /echo sends back.
import { WebSocketServer } from 'ws';

const rooms = new Map();

function join(name, socket) {
  const members = rooms.get(name) ?? new Set();
  rooms.set(name, members.add(socket));
  socket.on('close', () => {
    members.delete(socket);
    if (members.size === 0) rooms.delete(name);
  });
}

function publish(name, data) {
  for (const member of rooms.get(name) ?? []) member.send(data, { binary: false });
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env.PORT),
  // As many may wait to be accepted as the kernel allows: connects come in bursts.
  backlog: 65535,
  // The usual value: nobody compresses here.
  perMessageDeflate: false,
  // The rooms know who is there.
  clientTracking: false,
});
server.on('connection', (socket, request) => {
  const [, what, name] = request.url.split('/');
  socket.on('error', () => socket.terminate());
  if (what === 'room') {
    join(name, socket);
  } else if (what === 'publish') {
    socket.on('message', (data) => publish(name, data));
  } else {
    socket.on('message', (data) => socket.send(data, { binary: false }));
  }
});
