// SPDX-License-Identifier: Apache-2.0
// Why something was not done. `code` is the server's, or the client's own: 'closed', 'disconnected', 'left',
// 'too_many_pending', 'needs_websocket', 'http_STATUS'.

export class RingcastError extends Error {
  constructor(code, message) {
    super(message ?? code);
    this.name = 'RingcastError';
    this.code = code;
  }
}
