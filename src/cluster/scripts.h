// SPDX-License-Identifier: Apache-2.0
// The Lua scripts that order messages within Redis, each in one atomic step. Constant text.
//
// A channel's metadata are a hash: `run` (the server's run id when the base was set), `base` (the position at the last
// break), `pos` (the newest id), `ms` (inboxes: the newest time). Its messages are a stream whose ids are theirs, with
// the fields t (time in µs) and r (the record). Between two breaks ids are contiguous. A break happens where the
// metadata are absent, were written by another run of the server (it was restarted, or another one took over, and may
// have lost what was acknowledged), or stand below what a node has seen: ids then go on above all that anybody can have
// seen, so that an old cursor never means something else. The newest messages stay, under new ids.
#pragma once

#include <string_view>

#include "cluster/protocol.h"

namespace ringcast::cluster {

// KEYS metadata, stream, idempotency key. ARGV run, seen, floor, ms to keep metadata, record, messages kept (0: none),
// ms to keep them, ms to keep the idempotency key (0: there is none), inbox (1), Pub/Sub channel.
// → id, 1 where the idempotency key was known, the message's time (0 with a known key)
extern const std::string_view kPublishScript;
// KEYS metadata, stream, counts. ARGV run, seen, floor, ms to keep metadata, ms to keep messages, a base, an id, count,
// what keys of users begin with (empty: no snapshot is wanted), the key of the channel.
// → base, position, the position of the last purge, up to `count` entries of the stream: those after the id where the
// base is the channel's, else from the oldest; and with a snapshot: the number of the last change, the user's status,
// for each incarnation its name, counts, and users with what they have. Of more than 200,000 users in all, not all.
extern const std::string_view kSyncScript;

// KEYS metadata, stream. ARGV run, seen, floor, ms to keep metadata, ms to keep messages, Pub/Sub channel, a notice for
// it.
extern const std::string_view kPurgeScript;

// Who is in a channel: counts are a hash, an incarnation of a node each, "LIVE ANONYMOUS CONNECTIONS PRESENT"; users
// are a hash for each incarnation, "CONNECTIONS STATUS". Changes are numbered in the metadata (`changes`, from the
// clock where there is none) and published: "p NUMBER INCARNATION " and, each as "LENGTH:TEXT", the counts (empty: as
// they were;
// "-": it has gone, and so have its users), then users and what they have (empty: gone).
//
// KEYS metadata, counts, users, lease, index of the incarnation. ARGV incarnation, ms to keep, Pub/Sub channel, the
// channel in the index ("PARTITION:KEY"), counts (as above), users…
// → 1; 0: without a lease, and nothing was done
extern const std::string_view kAttendScript;
// KEYS lease, incarnations. ARGV incarnation, name, ms, 1: begins, what keys of leases begin with.
// → 0: it had no lease any more; else 1, how many there are, those without a lease
extern const std::string_view kLeaseScript;
// Takes what an incarnation without a lease has left out of some channels.
// KEYS lease, incarnations, index. ARGV incarnation, prefix, ms to keep.
// → how many are left
extern const std::string_view kCleanScript;
// KEYS metadata. ARGV ms to keep, Pub/Sub channel, status, notice.
extern const std::string_view kStateScript;
// KEYS revoked, when they end. ARGV Pub/Sub channel, then for each its name, up to which second tokens were issued, and
// the millisecond at which it may be forgotten. What was known already of a name is not lost. Published, where
// something is new: "SECOND MILLISECOND NAME", as the value in the hash is without the name. → how many there are
extern const std::string_view kRevokeScript;

extern const std::string_view kScriptTexts[kScripts];

}  // namespace ringcast::cluster
