// SPDX-License-Identifier: Apache-2.0
// What every transport is to the connection. A link is one WebSocket, one stream or one series of polls; it is made, it
// opens once or not at all, and ends once.

export class Link {
  /**
   * @param {import('./ladder.js').Transport} kind
   * @param {import('./core.js').Core} core
   */
  constructor(kind, core) {
    this.kind = kind;
    this.core = core;
    this.connection = core.connection;
    /** @type {Map<string, any>} the rooms that the server delivers over it: events of others are not for this client */
    this.subscriptions = new Map();
    /** @type {Map<string, any>} the rooms that the server has it in, or was asked for */
    this.asked = new Map();
    /** @type {Map<string, number>} the positions from which it was asked to go on */
    this.from = new Map();
  }

  // It cannot take the rooms or the token that there are now, and needs a successor.
  get outdated() { return false; }

  connect() {}
  // The rooms have changed.
  sync() {}
  // There is something to publish.
  publish() {}
  /** @param {string} _token */
  renew(_token) {}
  // It may be dead: find out.
  check() {}
  close() {}

  /** @param {import('./reactions.js').Reaction} reaction */
  lost(reaction) { this.connection.lost(this, reaction); }
}
