// SPDX-License-Identifier: Apache-2.0
// A bare TCP connection with just enough HTTP/1.1 and RFC 6455 to say what no client library would say.
// Owned by one test.

import net from 'node:net';
import { randomBytes } from 'node:crypto';
import { within } from './deadline.js';

export class RawSocket {
  constructor(port, { host = '127.0.0.1', ...options } = {}) {
    this.bytes = Buffer.alloc(0);
    this.changed = [];
    this.ended = false;
    this.socket = net.connect({ port, host, ...options });
    this.socket.setNoDelay(true);
    this.connected = new Promise((resolve) => this.socket.once('connect', resolve));
    this.socket.on('data', (data) => {
      this.bytes = Buffer.concat([this.bytes, data]);
      this.wake();
    });
    this.socket.on('error', (error) => { this.error = error; });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.once('end', () => { this.ended = true; this.wake(); });
    this.closed.then(() => { this.ended = true; this.wake(); });
  }

  wake() { for (const resolve of this.changed.splice(0)) resolve(); }

  write(data) { this.socket.write(data); return this; }

  // What `parse` makes of the bytes so far, once it makes something: {value, used}.
  async read(parse, what) {
    for (;;) {
      const found = parse(this.bytes, this.ended);
      if (found) {
        this.bytes = this.bytes.subarray(found.used);
        return found.value;
      }
      if (this.ended) throw new Error(`the connection ended (${this.error?.code ?? 'FIN'}) before ${what}; left: ${this.bytes.toString('latin1').slice(0, 300)}`);
      await within(new Promise((resolve) => this.changed.push(resolve)), what, { describe: () => `Read so far: ${this.bytes.toString('latin1').slice(0, 300)}` });
    }
  }

  response({ head_only = false } = {}) {
    return this.read((bytes, ended) => parse_response(bytes, ended, head_only), 'an HTTP response');
  }

  // The end of the connection, with nothing more said.
  async end() {
    await within(this.closed, 'the connection to be closed', { describe: () => this.bytes.toString('latin1').slice(0, 300) });
    return this.bytes;
  }

  destroy() { this.socket.destroy(); }

  // --- WebSocket ---

  async upgrade(path, headers = {}) {
    const lines = { Host: 'localhost', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol': 'ringcast.v1', ...headers };
    const head = Object.entries(lines).filter(([, value]) => value !== null).map(([key, value]) => `${key}: ${value}\r\n`).join('');
    this.write(`GET ${path} HTTP/1.1\r\n${head}\r\n`);
    return this.response({ head_only: true });
  }

  frame() { return this.read(parse_frame, 'a WebSocket frame'); }

  // The next close frame's code; passes over the others.
  async close_code() {
    for (;;) {
      const { opcode, payload } = await this.frame();
      if (opcode === 8) return payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    }
  }

  // The next text frame as JSON that is of this type.
  async event(type) {
    for (;;) {
      const { opcode, payload } = await this.frame();
      if (opcode === 8) throw new Error(`closed ${payload.length >= 2 ? payload.readUInt16BE(0) : ''} before ${type}`);
      if (opcode !== 1) continue;
      const event = JSON.parse(payload.toString());
      if (event.event_type === type) return event;
    }
  }
}

export function frame_of(opcode, payload = Buffer.alloc(0), { fin = true, rsv = 0, masked = true, length_form, mask = randomBytes(4) } = {}) {
  const body = Buffer.from(payload);
  const form = length_form ?? (body.length < 126 ? 7 : body.length < 65536 ? 16 : 64);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const mask_bit = masked ? 0x80 : 0;
  if (form === 7) head.push(mask_bit | body.length);
  else if (form === 16) head.push(mask_bit | 126, body.length >> 8, body.length & 255);
  else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(body.length));
    head.push(mask_bit | 127, ...length);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  return Buffer.concat([Buffer.from(head), mask, body.map((byte, i) => byte ^ mask[i & 3])]);
}

export function text_frame(fields, options) {
  return frame_of(1, typeof fields === 'string' || Buffer.isBuffer(fields) ? fields : JSON.stringify(fields), options);
}

function parse_frame(bytes) {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 127;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  if (bytes[1] & 128) throw new Error('the server masked a frame');
  if (bytes.length < at + length) return null;
  const value = { fin: Boolean(bytes[0] & 128), rsv: (bytes[0] >> 4) & 7, opcode: bytes[0] & 15, payload: bytes.subarray(at, at + length) };
  return { value, used: at + length };
}

function parse_response(bytes, ended, head_only) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (!status) throw new Error(`not a status line: ${first}`);
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const at = end + 4;
  const done = (body, used) => ({ value: { status, headers, body: body.toString(), version: first.slice(0, 8) }, used });
  if (head_only || status === 204 || status === 304 || (status >= 100 && status < 200)) return done('', at);
  if (headers['transfer-encoding'] === 'chunked') return parse_chunks(bytes, at, done);
  if (headers['content-length'] !== undefined) {
    const length = Number(headers['content-length']);
    return bytes.length < at + length ? null : done(bytes.subarray(at, at + length), at + length);
  }
  return ended ? done(bytes.subarray(at), bytes.length) : null;
}

function parse_chunks(bytes, at, done) {
  const parts = [];
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    const size = parseInt(bytes.subarray(at, end).toString(), 16);
    if (bytes.length < end + 2 + size + 2) return null;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
    if (size === 0) return done(Buffer.concat(parts), at);
  }
}
