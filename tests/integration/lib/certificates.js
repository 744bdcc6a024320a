// SPDX-License-Identifier: Apache-2.0
// An authority of the tests' own and what it has signed, made with the program openssl when a test file is read, in a
// folder that goes with the process.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { make_folder } from './folder.js';

const kNewKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function openssl(args, options = {}) { execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], ...options }); }

export class Certificates {
  constructor() {
    this.folder = make_folder('certificates');
    openssl(['req', '-x509', ...kNewKey, '-keyout', this.path('ca.key'), '-out', this.path('ca.pem'), '-subj', '/CN=Test authority', '-days', '30',
      '-addext', 'keyUsage=critical,keyCertSign,cRLSign']);
    this.ca_file = this.path('ca.pem');
    this.ca = readFileSync(this.ca_file);
  }

  path(name) { return join(this.folder, name); }
  read(name) { return readFileSync(this.path(name)); }

  // NAME.pem and NAME.key; `alternatives`: as "DNS:localhost,IP:127.0.0.1".
  issue(name, alternatives) {
    openssl(['req', '-x509', ...kNewKey, '-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.pem`), '-subj', `/CN=${name}`, '-days', '10',
      '-addext', `subjectAltName=${alternatives}`, '-addext', 'basicConstraints=critical,CA:FALSE', '-CA', this.ca_file, '-CAkey', this.path('ca.key')]);
    return this;
  }

  // One whose time is over; nothing but `openssl ca` writes such dates.
  issue_expired(name) {
    const config = `[ca]\ndefault_ca=d\n[d]\ndatabase=${this.path('index')}\nserial=${this.path('serial')}\nnew_certs_dir=${this.folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`;
    writeFileSync(this.path('ca.conf'), config);
    writeFileSync(this.path('index'), '');
    writeFileSync(this.path('serial'), '01');
    openssl(['req', '-new', ...kNewKey, '-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.csr`), '-subj', `/CN=${name}`]);
    openssl(['ca', '-batch', '-notext', '-config', this.path('ca.conf'), '-in', this.path(`${name}.csr`), '-out', this.path(`${name}.pem`),
      '-cert', this.ca_file, '-keyfile', this.path('ca.key'), '-startdate', '20200101000000Z', '-enddate', '20200201000000Z']);
    return this;
  }

  // The settings that name them.
  settings(...names) {
    return { tls_certificate: names.map((name) => this.path(`${name}.pem`)), tls_key: names.map((name) => this.path(`${name}.key`)) };
  }
}
