// SPDX-License-Identifier: Apache-2.0
// A Socket.IO application as ringload's preset socketio speaks to it: rooms that are joined, messages that name theirs.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, {
  // Clients choose one: long polling first and an upgrade later would be three requests more for each connection.
  transports: ['websocket', 'polling'],
  // The usual value: nobody compresses here.
  perMessageDeflate: false,
  // ringload brings its own client.
  serveClient: false,
});

// Socket.IO's page on memory: the first request is kept for middleware, of which there is none.
io.engine.on('connection', (socket) => { socket.request = null; });

io.on('connection', (socket) => {
  socket.on('join', (room, acknowledge) => {
    socket.join(room);
    acknowledge?.();
  });
  socket.on('message', (message) => io.to(message.room).emit('message', message));
  socket.on('echo', (content) => socket.emit('echo', content));
});

// As many may wait to be accepted as the kernel allows: connects come in bursts.
http.listen({ host: '127.0.0.1', port: Number(process.env.PORT), backlog: 65535 });
