// SPDX-License-Identifier: Apache-2.0
// Keys and tokens made with Node's crypto alone, so that nothing of the server's own verification is believed.

import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { make_folder } from './folder.js';

export const kAlgorithms = ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const kCurves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

const encoded = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const now_s = () => Math.floor(Date.now() / 1000);

export class Key {
  constructor(algorithm, { id } = {}) {
    Object.assign(this, { algorithm, id });
    if (algorithm.startsWith('HS')) {
      this.secret = randomBytes(48).toString('base64');
      return;
    }
    const pair = algorithm.startsWith('RS') ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : algorithm === 'EdDSA' ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kCurves[algorithm] });
    Object.assign(this, pair);
  }

  // What the server is given.
  get text() { return this.secret ?? this.publicKey.export({ type: 'spki', format: 'pem' }); }
  get jwk() { return { ...this.publicKey.export({ format: 'jwk' }), kid: this.id, alg: this.algorithm, use: 'sig' }; }

  // An hour of alice, unless the claims say otherwise; what is undefined is left out.
  token(claims = {}, header = {}) {
    const head = encoded({ typ: 'JWT', alg: this.algorithm, kid: this.id, ...header });
    const input = `${head}.${encoded({ sub: 'alice', iat: now_s(), exp: now_s() + 3600, ...claims })}`;
    return `${input}.${this.signature(input)}`;
  }

  signature(input) {
    const hash = `sha${this.algorithm.slice(2)}`;
    if (this.secret) return createHmac(hash, this.secret).update(input).digest('base64url');
    if (this.algorithm === 'EdDSA') return sign(null, Buffer.from(input), this.privateKey).toString('base64url');
    return sign(hash, Buffer.from(input), { key: this.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  }
}

// A directory of a suite's own, gone when the process is.
export class Files {
  constructor() {
    this.path = make_folder('auth');
  }

  write(name, text) {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  // As an item of jwt_keys.
  key(key, name = key.id ?? key.algorithm) {
    return `${key.algorithm}${key.id ? `/${key.id}` : ''}:${this.write(name, key.text)}`;
  }
}

export const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });
