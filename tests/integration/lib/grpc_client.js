// SPDX-License-Identifier: Apache-2.0
// Calls of gRPC by @grpc/grpc-js from the files of proto/, and bare ones on a stream of Node's own HTTP/2.

import { once } from 'node:events';
import http2 from 'node:http2';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { within } from './deadline.js';

export const kProto = join(dirname(fileURLToPath(import.meta.url)), '../../../proto');
const definitions = loader.loadSync(['ringcast/v1/ringcast.proto', 'ringcast/v1/push.proto', 'grpc/health/v1/health.proto'], {
  keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [kProto],
});
export const kStatus = grpc.status;
// What a status is called, for messages of asserts.
export const name_of = (code) => Object.entries(grpc.status).find(([, value]) => value === code)?.[0];

// The same service under another name.
function renamed(service, name) {
  return Object.fromEntries(Object.entries(definitions[service]).map(([method, one]) => [method, { ...one, path: `/${name}/${one.path.split('/')[2]}` }]));
}

export class GrpcClient {
  // `target`: host:port; `service`: of proto/, called `name` where that is given.
  constructor(target, { service = 'ringcast.v1.Ringcast', name = service, ca, key, metadata = {}, options = {} } = {}) {
    const Client = grpc.makeGenericClientConstructor(renamed(service, name), name);
    const credentials = ca ? grpc.credentials.createSsl(Buffer.from(ca)) : grpc.credentials.createInsecure();
    this.client = new Client(target, credentials, { 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1, 'grpc.max_receive_message_length': 16 << 20, ...(ca && { 'grpc.ssl_target_name_override': 'localhost' }), ...options });
    this.metadata = { ...(key && { authorization: `Bearer ${key}` }), ...metadata };
  }

  close() { this.client.close(); }

  // The answer; what it was refused with is thrown, with its code, details and metadata.
  async call(method, message = {}, { metadata = {}, ...options } = {}) {
    const given = new grpc.Metadata();
    for (const [name, value] of Object.entries({ ...this.metadata, ...metadata })) given.set(name, value);
    return within(new Promise((resolve, reject) => {
      this.client[method](message, given, options, (error, answer) => (error ? reject(error) : resolve(answer)));
    }), `the answer to ${method}`);
  }

  // What a call that has to fail was refused with.
  async refusal(method, message, options) {
    const answer = await this.call(method, message, options).catch((error) => error);
    if (!(answer instanceof Error) || answer.code === undefined) throw new Error(`${method} was not refused: ${answer?.stack ?? JSON.stringify(answer)}`);
    return { status: name_of(answer.code), details: answer.details, error: answer.metadata.get('ringcast-error')[0], metadata: answer.metadata };
  }
}

export function encoded(service, method, message) {
  const bytes = definitions[service][method].requestSerialize(message);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
export const decoded = (service, method, bytes) => definitions[service][method].responseDeserialize(bytes.subarray(5));

// A call of which each part is sent when the test says so.
export class BareCall {
  static async connect(t, url) {
    const session = http2.connect(url);
    session.on('error', () => {});
    t.after(() => session.destroy());
    await within(once(session, 'connect'), 'the connection');
    return session;
  }

  constructor(session, path, fields = {}) {
    this.request = session.request({ ':path': path, ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', ...fields });
    this.parts = [];
    this.request.on('error', () => {});
    this.request.on('data', (part) => this.parts.push(part));
    this.request.on('response', (fields_of_head) => { this.head = fields_of_head; });
    this.request.on('trailers', (trailers) => { this.trailers = trailers; });
    this.closed = once(this.request, 'close');
  }

  write(bytes) { this.request.write(bytes); }
  end(bytes) { this.request.end(bytes); }
  cancel() { this.request.close(http2.constants.NGHTTP2_CANCEL); }

  // { http, status, details, body } once it is over.
  async over() {
    await within(this.closed, 'the end of the call');
    const last = this.trailers ?? this.head ?? {};
    return { http: this.head?.[':status'], status: name_of(Number(last['grpc-status'])), details: last['grpc-message'], error: last['ringcast-error'], head: this.head, body: Buffer.concat(this.parts) };
  }
}
