// SPDX-License-Identifier: Apache-2.0
// A Server-Sent Events reader of our own (WHATWG HTML 9.2.6) that keeps what EventSource hides: ids, comments, retry.
// Owned by one test. Reconnecting is up to the test.

import http from 'node:http';
import https from 'node:https';
import { within } from './deadline.js';
import { EventQueue } from './event_queue.js';

// Bytes in, fields out. Takes any split of the input.
export class SseParser {
  constructor(on_event) {
    this.on_event = on_event;
    this.text = '';
    this.decoder = new TextDecoder('utf-8', { fatal: true });
    this.last_id = '';
    this.clear();
  }

  clear() {
    this.type = '';
    this.data = [];
  }

  feed(bytes) {
    this.text += this.decoder.decode(bytes, { stream: true });
    let end;
    while ((end = this.text.indexOf('\n')) >= 0) {
      this.line(this.text.slice(0, end).replace(/\r$/, ''));
      this.text = this.text.slice(end + 1);
    }
  }

  line(line) {
    if (line === '') {
      if (this.data.length) this.on_event({ type: this.type || 'message', data: this.data.join('\n'), id: this.last_id });
      this.clear();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === '') this.on_event({ type: '(comment)', comment: value });
    else if (field === 'event') this.type = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id') this.last_id = value;
    else if (field === 'retry') this.on_event({ type: '(retry)', retry: Number(value) });
    else throw new Error(`a field that is none: ${JSON.stringify(line)}`);
  }
}

// A publisher's text arrives bare in some dialects.
function fields_of(data) {
  try { return JSON.parse(data); } catch { return {}; }
}

export class SseClient {
  constructor(url, { headers = {}, method = 'GET', ...options } = {}) {
    this.events = new EventQueue(`SSE ${url}`);
    this.last_id = '';
    this.body = '';
    this.parser = new SseParser((event) => this.take_event(event));
    this.request = (url.startsWith('https:') ? https : http).request(url, { method, headers: { Accept: 'text/event-stream', ...headers }, agent: false, ...options });
    this.response = new Promise((resolve, reject) => {
      this.request.once('response', resolve);
      this.request.once('error', reject);
    });
    this.closed = this.response.then((response) => new Promise((resolve) => {
      const is_stream = (response.headers['content-type'] ?? '').startsWith('text/event-stream');
      response.on('data', (bytes) => {
        if (is_stream) this.parser.feed(bytes);
        else this.body += bytes;
      });
      response.once('end', () => { this.events.end('end'); resolve('end'); });
      response.once('error', (error) => { this.events.end(error.code); resolve(error.code); });
    }));
    this.closed.catch((error) => this.events.end(error.code));
    this.request.on('error', () => {});
    this.request.end();
  }

  take_event({ type, data, id, comment, retry }) {
    if (id !== undefined) this.last_id = id;
    if (type === '(comment)') this.events.push({ event_type: type, comment });
    else if (type === '(retry)') this.events.push({ event_type: type, retry });
    else this.events.push({ event_type: type, ...fields_of(data), cursor_line: id, sse_event: type, raw_data: data });
  }

  async ready() {
    const response = await within(this.response, 'the response head');
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    this.hello = await this.next('connection_id');
    this.id = this.hello.connection_id;
    return this;
  }

  next(pattern, options) { return this.events.next(pattern, options); }
  take(count, pattern, options) { return this.events.take(count, pattern, options); }
  end() { return within(this.closed, 'the end of the stream', { describe: () => `Last seen: ${this.events.tail()}` }); }
  close() { this.request.destroy(); }
}
