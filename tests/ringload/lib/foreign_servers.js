// SPDX-License-Identifier: Apache-2.0
// Servers that speak other formats than ringcast, as small as they can be. Each is owned by a test.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server as SocketIoServer } from 'socket.io';
import { WebSocketServer } from 'ws';

async function listen(t, server, stop) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(stop);
  return `127.0.0.1:${server.address().port}`;
}

// Everything comes back as it is.
export async function start_raw_echo(t) {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => socket.on('message', (data, is_binary) => socket.send(data, { binary: is_binary })));
  return listen(t, http, () => {
    for (const client of sockets.clients) client.terminate();
    http.close();
  });
}

// The socket.io package itself, with the application that most have: rooms are joined by an event, messages name theirs.
export async function start_socket_io(t, { ping_interval = 25000 } = {}) {
  const http = createServer();
  const io = new SocketIoServer(http, { pingInterval: ping_interval, pingTimeout: 60000 });
  const seen = { pings: 0, joined: 0, closed: [] };
  io.on('connection', (socket) => {
    socket.conn.on('packet', ({ type }) => { seen.pings += type === 'pong'; });
    socket.on('join', (room, acknowledge) => {
      seen.joined++;
      socket.join(room);
      acknowledge?.();
    });
    socket.on('echo', (content) => socket.emit('echo', content));
    socket.on('message', ({ room, content }) => io.to(room).emit('message', { room, content }));
    socket.on('disconnect', (reason) => seen.closed.push(reason));
  });
  return { target: await listen(t, http, () => io.close()), seen };
}

// Centrifugo's bidirectional JSON protocol: commands and replies on lines of their own, several in a frame.
export async function start_centrifugo(t) {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, path: '/connection/websocket' });
  const channels = new Map();
  const seen = { pongs: 0, batches: 0 };
  const channel = (name) => channels.get(name) ?? channels.set(name, new Set()).get(name);
  const refuse = (socket, id, code, message) => socket.send(JSON.stringify({ id, error: { code, message } }));
  sockets.on('connection', (socket) => {
    let connected = false;
    let waiting = [];
    socket.deliver = (line) => {
      waiting.push(line);
      if (waiting.length > 1) return;
      setImmediate(() => {
        if (waiting.length > 1) seen.batches++;
        socket.send(waiting.join('\n'));
        waiting = [];
      });
    };
    socket.on('close', () => { for (const members of channels.values()) members.delete(socket); });
    socket.on('message', (data) => {
      for (const line of data.toString().split('\n')) {
        const { id, ...command } = JSON.parse(line);
        if (id === undefined) {
          seen.pongs++;
        } else if (command.connect) {
          connected = true;
          socket.deliver(JSON.stringify({ id, connect: { client: 'c', version: '5', ping: 25, pong: true } }));
          socket.deliver('{}');
        } else if (!connected) {
          refuse(socket, id, 101, 'unauthorized');
        } else if (command.subscribe) {
          channel(command.subscribe.channel).add(socket);
          socket.deliver(JSON.stringify({ id, subscribe: {} }));
        } else if (command.publish) {
          const { channel: name, data: value } = command.publish;
          const push = JSON.stringify({ push: { channel: name, pub: { data: value } } });
          for (const member of channel(name)) member.deliver(push);
          socket.deliver(JSON.stringify({ id, publish: {} }));
        } else {
          refuse(socket, id, 107, 'bad request');
        }
      }
    });
  });
  const target = await listen(t, http, () => {
    for (const client of sockets.clients) client.terminate();
    http.close();
  });
  return { target, seen };
}

// nchan's two locations: subscribers by WebSocket or EventSource at /sub/NAME, publishers by POST to /pub/NAME.
export async function start_nchan(t) {
  const channels = new Map();
  const subscribers = (url) => channels.get(url.slice(5)) ?? channels.set(url.slice(5), new Set()).get(url.slice(5));
  const seen = { types: new Set() };
  const http = createServer((request, response) => {
    if (request.url.startsWith('/sub/') && request.headers.accept === 'text/event-stream') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(': hi\n\n');
      let id = 0;
      const send = (text) => response.write(`id: ${id++}:0\ndata: ${text}\n\n`);
      subscribers(request.url).add(send);
      response.on('close', () => subscribers(request.url).delete(send));
      return;
    }
    if (request.method !== 'POST' || !request.url.startsWith('/pub/')) {
      response.writeHead(403).end();
      return;
    }
    let text = '';
    seen.types.add(request.headers['content-type']);
    request.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
      for (const send of subscribers(request.url)) send(text);
      response.writeHead(201, { 'Content-Type': 'text/json' }).end(`{"messages":0,"subscribers":${subscribers(request.url).size}}`);
    });
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket, { url }) => {
    const send = (text) => socket.send(text);
    subscribers(url).add(send);
    socket.on('close', () => subscribers(url).delete(send));
  });
  const target = await listen(t, http, () => {
    for (const client of sockets.clients) client.terminate();
    http.closeAllConnections?.();
    http.close();
  });
  return { target, seen };
}
