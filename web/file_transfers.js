// SPDX-License-Identifier: Apache-2.0
// Files in a room: an event `file` says what is coming, binary messages bring it in pieces, each with the number of the
// file and its own, and everybody puts them together. The sender hears its own pieces like everybody else: they are its
// progress, and with so many on their way it waits for them before it sends more.

export const kFileBytesMax = 8 << 20;
const kPieceBytes = 32 << 10;         // with its head below the server's message size (64 KiB by default)
const kPiecesUnderWay = 4;
const kFilesMax = 16;                 // kept at once; the oldest that is not complete goes first
const kMagic = 'rcf1';
const kHeadBytes = 4 + 16 + 4;        // magic, number of the file, number of the piece

export class FileTransfers {
  constructor(client) {
    this.client = client;
    this.known = new Map();           // number → Incoming
    this.sending = new Map();         // number → {room, under_way, problem, wake()}
    client.on('error', (event) => { if (event.room === undefined) this.fail(event.message ?? event.code); });
    client.on('left', ({ room, reason }) => this.fail(`taken out of the room: ${reason}`, room));
    client.on('state', ({ name, reason }) => { if (name === 'waiting' || name === 'stopped') this.fail(reason); });
  }

  // Resolves when everything has come back.
  async send(room, file) {
    if (file.size > kFileBytesMax) throw new Error(`${size_text(file.size)} is too much; a file may have ${size_text(kFileBytesMax)}`);
    if (file.size === 0) throw new Error('the file is empty');
    const number = crypto.getRandomValues(new Uint8Array(16));
    const name = hex(number);
    const pieces = Math.ceil(file.size / kPieceBytes);
    const sending = { room, under_way: 0, problem: null, wake: () => {} };
    this.sending.set(name, sending);
    try {
      await this.client.publish(room, { number: name, name: file.name.slice(0, 200), type: file.type, size: file.size, pieces }, { event: 'file' });
      for (let piece = 0; piece < pieces || sending.under_way > 0;) {
        if (sending.problem) throw sending.problem;
        if (piece < pieces && sending.under_way < kPiecesUnderWay && this.known.has(name)) {
          const bytes = await file.slice(piece * kPieceBytes, (piece + 1) * kPieceBytes).arrayBuffer();
          this.client.sendBinary(room, with_head(number, piece++, bytes));
          sending.under_way++;
        } else {
          await new Promise((resolve) => { sending.wake = resolve; });
        }
      }
    } catch (error) {
      this.known.get(name)?.end(`not sent: ${error.message}`);
      this.client.publish(room, { number: name }, { event: 'file.cancelled' }).catch(() => {});
      throw error;
    } finally {
      this.sending.delete(name);
    }
  }

  // Passing on what the server says when nothing refers to an action: the pieces have no answer of their own.
  fail(reason, room) {
    for (const sending of this.sending.values()) {
      if (room !== undefined && sending.room !== room) continue;
      sending.problem = new Error(reason);
      sending.wake();
    }
  }

  // True when the event was part of a file and nothing else is to be made of it.
  take(event, log) {
    if (event.type === 'file') return this.offer(event, log);
    if (event.type === 'file.cancelled') {
      const incoming = this.known.get(event.data?.number);
      if (incoming && incoming.user === event.user) incoming.end('cancelled by the sender');
      return true;
    }
    if (event.type !== 'binary') return false;
    const piece = read_piece(event.data);
    if (!piece) return false;
    const incoming = this.known.get(piece.name);
    if (incoming && incoming.user === event.user && incoming.take(piece)) {
      const sending = this.sending.get(piece.name);
      if (sending) {
        sending.under_way--;
        sending.wake();
      }
    }
    return true;
  }

  offer(event, log) {
    const { number, name, type, size, pieces } = event.data ?? {};
    const sound = typeof number === 'string' && typeof name === 'string' && Number.isSafeInteger(size) && size > 0 && size <= kFileBytesMax
      && pieces === Math.ceil(size / kPieceBytes);
    if (!sound) return false;
    if (this.known.has(number)) return true;
    const oldest = [...this.known].find(([, { complete }]) => !complete)?.[0] ?? this.known.keys().next().value;
    if (this.known.size >= kFilesMax) this.forget(oldest);
    const show = log.file(event, `${name} (${size_text(size)})`);
    if (show) this.known.set(number, new Incoming({ user: event.user, name, type: String(type ?? ''), size, pieces }, show));
    this.sending.get(number)?.wake();
    return true;
  }

  forget(number) {
    this.known.get(number).end('not complete');
    this.known.delete(number);
  }
}

class Incoming {
  constructor(file, show) {
    Object.assign(this, file, { show, parts: new Array(file.pieces), here: 0, complete: false, ended: false });
    show.progress(0, file.pieces);
  }

  // True when it was a new piece.
  take({ index, bytes }) {
    const expected = index === this.pieces - 1 ? this.size - index * kPieceBytes : kPieceBytes;
    if (this.ended || index >= this.pieces || this.parts[index] || bytes.length !== expected) return false;
    this.parts[index] = bytes;
    this.here++;
    this.show.progress(this.here, this.pieces);
    if (this.here === this.pieces) {
      // What somebody else calls HTML is not opened as such by a download.
      this.complete = this.ended = true;
      this.show.done(new Blob(this.parts, { type: this.type }), this.name);
      this.parts = [];
    }
    return true;
  }

  end(reason) {
    if (this.ended) return;
    this.ended = true;
    this.parts = [];
    this.show.failed(reason);
  }
}

function with_head(number, piece, content) {
  const bytes = new Uint8Array(kHeadBytes + content.byteLength);
  bytes.set(new TextEncoder().encode(kMagic));
  bytes.set(number, 4);
  new DataView(bytes.buffer).setUint32(20, piece);
  bytes.set(new Uint8Array(content), kHeadBytes);
  return bytes;
}

function read_piece(bytes) {
  if (!(bytes instanceof Uint8Array) || bytes.length < kHeadBytes || String.fromCharCode(...bytes.subarray(0, 4)) !== kMagic) return null;
  const index = new DataView(bytes.buffer, bytes.byteOffset).getUint32(20);
  return { name: hex(bytes.subarray(4, 20)), index, bytes: bytes.slice(kHeadBytes) };
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function size_text(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(bytes % (1 << 20) ? 2 : 0)} MiB`;
}
