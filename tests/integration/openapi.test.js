// SPDX-License-Identifier: Apache-2.0
// The OpenAPI document against the running server: each operation is called, and its answer is one that the document
// describes; its examples are valid; the document has every path of docs/protocol.md and no method that the server does not allow.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import { query_of } from './lib/context.js';
import { suite } from './lib/runner.js';
import { Files, Key, bearer } from './lib/tokens.js';

const kDocument = JSON.parse(readFileSync(new URL('../../web/openapi.json', import.meta.url)));
const kProtocol = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const kMethods = ['get', 'post', 'put', 'delete', 'patch'];

// Schemas refer to "#/components/…"; ajv finds them below the document's own id.
const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true, validateSchema: false });
for (const word of ['openapi', 'info', 'tags', 'paths', 'components']) ajv.addKeyword(word);
ajv.addSchema({ $id: 'openapi', ...kDocument });
const absolute = (schema) => JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/'));

const operations = Object.entries(kDocument.paths).flatMap(([path, methods]) =>
  kMethods.filter((method) => methods[method]).map((method) => ({ path, method, ...methods[method] })));

function response_of(operation, status) {
  const found = operation.responses[status];
  assert.ok(found, `${operation.operationId}: status ${status} is not in the document`);
  return found.$ref ? kDocument.components.responses[found.$ref.split('/').at(-1)] : found;
}

function check(operation, answer) {
  const response = response_of(operation, answer.status);
  if (!response.content) return;
  const type = (answer.headers['content-type'] ?? '').split(';')[0];
  const media = response.content[type];
  assert.ok(media, `${operation.operationId}: content type ${type} is not in the document`);
  const validate = ajv.compile(absolute(media.schema));
  const value = type === 'application/json' ? answer.json : answer.text;
  assert.ok(validate(value), `${operation.operationId}: ${ajv.errorsText(validate.errors)} in ${answer.text}`);
}

// What each operation is called with, and the status that it must have. `{}` of a path comes from `path`.
function calls(room, connection_id) {
  const publish = (body, status = 200) => ({ body, status });
  return {
    poll: [{ query: { rooms: room }, status: 200 }, { query: { rooms: room, since: 1 }, status: 200 }, { query: {}, status: 400 }],
    openNamedStream: [{ body: { rooms: [] }, status: 400 }, { body: { rooms: [room], other: 1 }, status: 400 }],
    pollByName: [
      { body: { rooms: [room, '@somebody'] }, status: 200 }, { body: { rooms: [room], positions: { [room]: 1 }, timeout: 0 }, status: 200 },
      { body: { rooms: [room], timeout: 1000 }, status: 400 }, { body: { rooms: ['@somebody'] }, status: 403 },
    ],
    publish: [
      publish({ room, content: 'x' }), publish({ room, data: { a: [1] }, event: 'own', idempotency_key: room }),
      publish({ room, data: 1, idempotency_key: room }), publish({ rooms: [room, `${room}/b`], content: 'x' }),
      publish({ to: 'bob', content: 'x' }), publish({ users: ['bob', 'eve'], content: 'x' }), publish({ broadcast: true, content: 'x' }),
      publish([{ room, content: 'x' }, { rooms: [room], content: 'x' }]), publish({ room: `${room}/end`, final: true, content: 'x' }),
      publish({ room, rooms: [room], content: 'x' }, 400), publish([{ room, content: 'x' }, { room: '@' }], 400),
      publish({ to_connection: 'none', content: 'x' }), { body: '{}', headers: { 'content-type': 'text/plain' }, status: 415 },
      { body: JSON.stringify({ room, content: 'x'.repeat(70000) }), headers: { 'content-type': 'application/json' }, status: 413 },
    ],
    listRooms: [{ status: 200 }, { query: { limit: 0 }, status: 400 }, { query: { limit: 1 }, status: 200 }],
    listMembers: [{ path: [room], status: 200 }],
    listMembersByQuery: [{ query: { room }, status: 200 }, { query: {}, status: 400 }],
    readHistory: [{ path: [room], status: 200 }, { path: [room], query: { after: 'x' }, status: 400 }],
    readHistoryByQuery: [{ query: { room, limit: 2 }, status: 200 }, { query: {}, status: 400 }],
    listUsers: [{ status: 200 }],
    readUser: [{ path: ['bob'], status: 200 }, { path: ['nobody'], status: 200 }],
    listConnections: [{ status: 200 }],
    readStats: [{ status: 200 }],
    readStatsHistory: [{ status: 200 }],
    streamStats: [{ query: { tenant: 'a b' }, status: 400 }],
    readMetrics: [{ status: 200 }],
    health: [{ status: 200 }],
    ready: [{ status: 200 }],
    describe: [{ status: 200 }],
    openWebSocket: [{ status: 426 }],
    openStream: [{ query: { rooms: '' }, headers: { accept: 'text/event-stream' }, status: 400 }],
    removeMember: [{ path: [room, 'bob'], status: 200 }],
    purgeRoom: [{ path: [room], status: 200 }],
    closeRoom: [{ path: [room], status: 200 }],
    disconnect: [{ path: ['none'], status: 404 }, { path: [connection_id], status: 200 }],
    disconnectUser: [{ path: ['bob'], status: 200 }],
    revokeUser: [{ path: ['bob'], status: 404 }],
    revokeToken: [{ path: ['x'], status: 404 }],
  };
}

// Every example of the document, with the schema that it is one of.
function examples_of(node, path = '') {
  if (node === null || typeof node !== 'object') return [];
  if (Array.isArray(node)) return node.flatMap((inner, at) => examples_of(inner, `${path}/${at}`));
  const own = [];
  if ('example' in node) own.push({ path, value: node.example, schema: node.schema });
  for (const [name, { value }] of Object.entries(node.examples ?? {})) own.push({ path: `${path} ${name}`, value, schema: node.schema });
  return [...own, ...Object.entries(node).filter(([name]) => !/^examples?$/.test(name)).flatMap(([name, inner]) => examples_of(inner, `${path}/${name}`))];
}
const has_example = (media) => 'example' in media || Object.keys(media.examples ?? {}).length > 0;

suite('OpenAPI', {}, (test) => {
  test('each body, answer and refusal has an example that its schema allows', () => {
    const examples = examples_of(kDocument);
    assert.ok(examples.length > 70, `${examples.length}`);
    for (const { path, value, schema } of examples) {
      assert.ok(schema, `${path} is an example of nothing`);
      const validate = ajv.compile(absolute(schema));
      assert.ok(validate(value), `${path}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
    }
    const lacks = [];
    for (const operation of operations) {
      const bodies = Object.entries(operation.requestBody?.content ?? {}).filter(([type]) => type === 'application/json');
      // What the document itself is needs none.
      const answers = operation.operationId === 'describe' ? [] : Object.keys(operation.responses).flatMap((status) => Object.entries(response_of(operation, status).content ?? {}));
      for (const [type, media] of [...bodies, ...answers]) if (!has_example(media)) lacks.push(`${operation.operationId} ${type}`);
      for (const parameter of operation.parameters ?? []) {
        const found = parameter.$ref ? kDocument.components.parameters[parameter.$ref.split('/').at(-1)] : parameter;
        if (!('example' in found)) lacks.push(`${operation.operationId} ${found.name}`);
      }
    }
    assert.deepEqual(lacks, []);
  });

  test('the server takes the bodies of the examples, and refuses with the codes of the refusals', async (t) => {
    const post = async (path, id) => {
      const media = operations.find(({ operationId }) => operationId === id).requestBody.content['application/json'];
      for (const body of media.examples ? Object.values(media.examples).map(({ value }) => value) : [media.example]) {
        const answer = await t.http('POST', path, { body });
        assert.equal(answer.status, 200, `${id} ${JSON.stringify(body)}: ${answer.text}`);
        check(operations.find(({ operationId }) => operationId === id), answer);
      }
    };
    await post('/messages', 'publish');
    const codes = (name) => kDocument.components.responses[name].content['application/json'].example.error;
    const bad_room = await t.http('DELETE', '/rooms/a%2Cb');
    assert.deepEqual(bad_room.json.error, codes('BadRequest'));
    const not_json = await t.http('POST', '/messages', { body: '{}', headers: { 'content-type': 'text/plain' } });
    assert.deepEqual(not_json.json.error, codes('NotJson'));
    const none = await t.http('DELETE', '/connections/none');
    assert.deepEqual(none.json.error, codes('NotFound'));
    const large = await t.http('POST', '/messages', { body: { room: t.name('room'), content: 'x'.repeat(70000) } });
    assert.equal(large.json.error.code, codes('TooLarge').code);
    const upgrade = await t.get('/ws');
    assert.deepEqual(upgrade.json.error, operations.find(({ operationId }) => operationId === 'openWebSocket').responses[426].content['application/json'].example.error);
  });

  test('every operation answers as the document says', async (t) => {
    const room = t.name('room');
    await t.ws({ user: 'bob', rooms: [room] });
    const carol = await t.ws({ user: 'carol', rooms: [room] });
    const table = calls(room, carol.id);
    assert.deepEqual(Object.keys(table).sort(), operations.map((operation) => operation.operationId).sort());
    for (const [id, list] of Object.entries(table)) {
      const operation = operations.find(({ operationId }) => operationId === id);
      for (const { path = [], query, body, headers, status } of list) {
        const holes = [...path];
        const target = operation.path.replace(/\{\w+\}/g, () => encodeURIComponent(holes.shift()));
        const answer = await t.http(operation.method.toUpperCase(), target + query_of(query ?? {}), { body, headers });
        assert.equal(answer.status, status, `${id} ${JSON.stringify(query ?? body ?? path)}: ${answer.text}`);
        check(operation, answer);
      }
    }
  });

  test('it has every path of the protocol page, and no method that the server lacks', async (t) => {
    const table = kProtocol.slice(kProtocol.indexOf('## HTTP'), kProtocol.indexOf('### Publishing'));
    const named = [...table.matchAll(/`(?:GET|POST|PUT|DELETE)?\s*(\/[\w{}./]*)/g)].map(([, path]) => path);
    const described = Object.keys(kDocument.paths);
    for (const path of named.filter((name) => name !== '/' && name !== '/echo')) assert.ok(described.includes(path), path);
    assert.ok(named.length > 15);
    for (const path of described.filter((name) => name !== '/openapi.json')) {
      const answer = await t.http('PATCH', path.replace(/\{\w+\}/g, 'x'));
      assert.equal(answer.status, 405, path);
      const allowed = answer.headers.allow.toLowerCase().split(', ');
      for (const method of kMethods.filter((name) => kDocument.paths[path][name])) assert.ok(allowed.includes(method), `${method} ${path}`);
    }
  });
});

const key = new Key('HS256');
const kSecret = 'a-secret-of-some-length';

suite('OpenAPI with tokens', { settings: () => ({ jwt_keys: new Files().key(key), api_keys: kSecret }) }, (test) => {
  test('what needs a key or a token answers as the document says', async (t) => {
    const room = t.name('room');
    const server = { 'X-API-Key': kSecret };
    const user = bearer(key.token()).headers;
    const ask = async (id, path, options, status) => {
      const operation = operations.find(({ operationId }) => operationId === id);
      const answer = await t.http(operation.method.toUpperCase(), operation.path.replace(/\{\w+\}/, path), options);
      assert.equal(answer.status, status, `${id}: ${answer.text}`);
      check(operation, answer);
    };
    await ask('revokeUser', 'bob', { headers: server }, 200);
    await ask('revokeUser', 'bob', { headers: user }, 403);
    await ask('revokeUser', 'bob', {}, 401);
    const refused = await t.http('DELETE', '/users/bob/tokens');
    assert.deepEqual(refused.json.error, kDocument.components.responses.Unauthorized.content['application/json'].example.error);
    await ask('revokeUser', 'a%2Cb', { headers: server }, 400);
    await ask('revokeToken', 'some-id', { headers: server }, 200);
    await ask('revokeToken', 'some-id', { headers: user }, 403);
    await ask('revokeToken', 'some-id', {}, 401);
    await ask('readHistory', room, { headers: user }, 403);
    await ask('listMembers', room, { headers: user }, 403);
    await ask('publish', '', { headers: user, body: { room, content: 'x' } }, 403);
    await ask('publish', '', { body: { room, content: 'x' } }, 401);
    await ask('publish', '', { headers: user, body: { to: 'alice', content: 'x' } }, 200);
    for (const id of ['listRooms', 'listUsers', 'listConnections', 'readUser', 'purgeRoom', 'closeRoom']) {
      await ask(id, 'bob', { headers: user }, 403);
      await ask(id, 'bob', {}, 401);
    }
  });
});
