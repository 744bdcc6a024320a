// SPDX-License-Identifier: Apache-2.0
#include "cluster/scripts.h"

namespace ringcast::cluster {

// The expiry comes first because it is a write: a server that has become a replica refuses the script there. Lua's
// numbers are doubles, which hold ids (microseconds since 1970) exactly; tostring() would round them.
#define RINGCAST_LUA_HEAD                                                                       \
  "local meta, stream = KEYS[1], KEYS[2]\n"                                                     \
  "local run, seen, floor, meta_ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]\n" \
  "redis.call('PEXPIRE', meta, meta_ttl)\n"                                                     \
  "local function text(n) return string.format('%.0f', n) end\n"                                \
  "local t = redis.call('TIME')\n"                                                              \
  "local now = t[1] * 1000000 + t[2]\n"                                                         \
  "local m = redis.call('HMGET', meta, 'run', 'base', 'pos', 'ms')\n"                           \
  "local base, pos = tonumber(m[2]), tonumber(m[3])\n"                                          \
  "local function settle(ttl)\n"                                                                \
  "  if m[1] == run and base and pos >= seen then return end\n"                                 \
  "  local old = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 256)\n"                     \
  "  local kept, bytes = 0, 0\n"                                                                \
  "  for i, entry in ipairs(old) do\n"                                                          \
  "    bytes = bytes + #entry[2][4]\n"                                                          \
  "    if bytes > 262144 then break end\n"                                                      \
  "    kept = i\n"                                                                              \
  "  end\n"                                                                                     \
  "  base = math.max(now, pos or 0, seen, floor) + kept\n"                                      \
  "  pos = base\n"                                                                              \
  "  redis.call('DEL', stream)\n"                                                               \
  "  for i = kept, 1, -1 do\n"                                                                  \
  "    redis.call('XADD', stream, text(base - i + 1) .. '-0', unpack(old[i][2]))\n"             \
  "  end\n"                                                                                     \
  "  if kept > 0 then redis.call('PEXPIRE', stream, ttl) end\n"                                 \
  "  redis.call('HSET', meta, 'run', run, 'base', text(base), 'pos', text(pos))\n"              \
  "  redis.call('PEXPIRE', meta, meta_ttl)\n"                                                   \
  "end\n"

// HSETNX comes before the expiry because a server whose memory is full refuses it, and with it the script; after any
// other write it would let the whole script pass. A run that is empty is that of no server.
const std::string_view kPublishScript =
    "redis.call('HSETNX', KEYS[1], 'run', '')\n" RINGCAST_LUA_HEAD
    "if ARGV[8] ~= '0' then\n"
    "  local known = redis.call('GET', KEYS[3])\n"
    "  if known then return {known, 1, '0'} end\n"
    "end\n"
    "settle(ARGV[7])\n"
    "local id, time = text(pos + 1), now\n"
    "if ARGV[9] == '1' then\n"
    "  local ms = math.max(math.floor(now / 1000), (tonumber(m[4]) or 0) + 1)\n"
    "  time = math.max(now, ms * 1000)\n"
    "  redis.call('HSET', meta, 'ms', text(ms))\n"
    "end\n"
    "if ARGV[6] ~= '0' then\n"
    "  redis.call('XADD', stream, 'MAXLEN', '~', ARGV[6], id .. '-0', 't', text(time), 'r', ARGV[5])\n"
    "  redis.call('PEXPIRE', stream, ARGV[7])\n"
    "end\n"
    "redis.call('HSET', meta, 'pos', id)\n"
    "if ARGV[8] ~= '0' then redis.call('SET', KEYS[3], id, 'PX', ARGV[8]) end\n"
    "redis.call('PUBLISH', ARGV[10], 'm ' .. text(base) .. ' ' .. id .. ' ' .. text(time) .. ' ' .. ARGV[5])\n"
    "return {id, 0, text(time)}\n";

const std::string_view kSyncScript = RINGCAST_LUA_HEAD
    "settle(ARGV[5])\n"
    "local from = '-'\n"
    "if ARGV[6] == text(base) then from = '(' .. ARGV[7] .. '-0' end\n"
    "local purged = redis.call('HGET', meta, 'purged') or '0'\n"
    "local out = {text(base), text(pos), purged, redis.call('XRANGE', stream, from, '+', 'COUNT', ARGV[8])}\n"
    "if ARGV[9] ~= '' then\n"
    "  redis.call('PEXPIRE', KEYS[3], meta_ttl)\n"
    "  local counts, there, left = redis.call('HGETALL', KEYS[3]), {}, 200000\n"
    "  for i = 1, #counts, 2 do\n"
    "    local users = ARGV[9] .. counts[i] .. ':' .. ARGV[10]\n"
    "    redis.call('PEXPIRE', users, meta_ttl)\n"
    "    left = left - redis.call('HLEN', users)\n"
    "    there[#there + 1] = {counts[i], counts[i + 1], left < 0 and {} or redis.call('HGETALL', users)}\n"
    "  end\n"
    "  redis.call('HSETNX', meta, 'changes', text(now))\n"
    "  out[5] = {redis.call('HGET', meta, 'changes'), redis.call('HGET', meta, 'state') or '', there}\n"
    "end\n"
    "return out\n";

const std::string_view kPurgeScript = RINGCAST_LUA_HEAD
    "settle(ARGV[5])\n"
    "redis.call('DEL', stream)\n"
    "redis.call('HSET', meta, 'purged', text(pos))\n"
    "redis.call('PUBLISH', ARGV[6], ARGV[7])\n"
    "return {text(base), text(pos)}\n";

#undef RINGCAST_LUA_HEAD

#define RINGCAST_LUA_CHANGES                                                             \
  "local function text(n) return string.format('%.0f', n) end\n"                         \
  "local function change(meta, channel, id, what)\n"                                     \
  "  if redis.call('HEXISTS', meta, 'changes') == 0 then\n"                              \
  "    local t = redis.call('TIME')\n"                                                   \
  "    redis.call('HSET', meta, 'changes', text(t[1] * 1000000 + t[2]))\n"               \
  "  end\n"                                                                              \
  "  local number = redis.call('HINCRBY', meta, 'changes', 1)\n"                         \
  "  redis.call('PUBLISH', channel, 'p ' .. text(number) .. ' ' .. id .. ' ' .. what)\n" \
  "end\n"

// HSETNX first, as in kPublishScript.
const std::string_view kAttendScript =
    "redis.call('HSETNX', KEYS[1], 'run', '')\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
    "if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end\n" RINGCAST_LUA_CHANGES
    "local id, head = ARGV[1], ARGV[5]\n"
    "local changed, out = false, {}\n"
    "local function say(what) out[#out + 1] = #what .. ':' .. what end\n"
    "if head ~= '' and head == (redis.call('HGET', KEYS[2], id) or '-') then head = '' end\n"
    "if head ~= '' then changed = true end\n"
    "say(head)\n"
    "for i = 6, #ARGV, 2 do\n"
    "  local user, value = ARGV[i], ARGV[i + 1]\n"
    "  if (redis.call('HGET', KEYS[3], user) or '') ~= value then\n"
    "    changed = true\n"
    "    if value == '' then redis.call('HDEL', KEYS[3], user) else redis.call('HSET', KEYS[3], user, value) end\n"
    "    say(user)\n"
    "    say(value)\n"
    "  end\n"
    "end\n"
    "if head == '-' then\n"
    "  redis.call('HDEL', KEYS[2], id)\n"
    "  redis.call('DEL', KEYS[3])\n"
    "  redis.call('SREM', KEYS[5], ARGV[4])\n"
    "  if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('HDEL', KEYS[1], 'state') end\n"
    "elseif head ~= '' then\n"
    "  redis.call('HSET', KEYS[2], id, head)\n"
    "  redis.call('SADD', KEYS[5], ARGV[4])\n"
    "end\n"
    "for i = 2, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end\n"
    "redis.call('PEXPIRE', KEYS[5], ARGV[2])\n"
    "if changed then change(KEYS[1], ARGV[3], id, table.concat(out)) end\n"
    "return 1\n";

const std::string_view kLeaseScript =
    "if ARGV[4] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return {0} end\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])\n"
    "local all = redis.call('HKEYS', KEYS[2])\n"
    "local out = {1, #all}\n"
    "for _, id in ipairs(all) do\n"
    "  if redis.call('EXISTS', ARGV[5] .. id) == 0 then out[#out + 1] = id end\n"
    "end\n"
    "return out\n";

const std::string_view kCleanScript =
    "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end\n" RINGCAST_LUA_CHANGES
    "local id, prefix = ARGV[1], ARGV[2]\n"
    "for _, entry in ipairs(redis.call('SPOP', KEYS[3], 32)) do\n"
    "  local partition, key = string.match(entry, '^(%d+):(.*)$')\n"
    "  local at = prefix .. ':{' .. partition .. '}:'\n"
    "  local meta, counts = at .. 'm:' .. key, at .. 'p:' .. key\n"
    "  redis.call('HDEL', counts, id)\n"
    "  redis.call('DEL', at .. 'u:' .. id .. ':' .. key)\n"
    "  if redis.call('EXISTS', counts) == 0 then redis.call('HDEL', meta, 'state') end\n"
    "  change(meta, prefix .. ':c:' .. key, id, '1:-')\n"
    "  redis.call('PEXPIRE', meta, ARGV[3])\n"
    "end\n"
    "local left = redis.call('SCARD', KEYS[3])\n"
    "if left == 0 then redis.call('HDEL', KEYS[2], id) end\n"
    "return left\n";

#undef RINGCAST_LUA_CHANGES

const std::string_view kStateScript =
    "redis.call('HSET', KEYS[1], 'state', ARGV[3])\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
    "return redis.call('PUBLISH', ARGV[2], ARGV[4])\n";

const std::string_view kRevokeScript =
    "for i = 2, #ARGV, 3 do\n"
    "  local name, issued, ends = ARGV[i], ARGV[i + 1], ARGV[i + 2]\n"
    "  local known = redis.call('HGET', KEYS[1], name) or ''\n"
    "  local issued_before, ended_before = string.match(known, '^(%d+) (%d+)$')\n"
    "  if issued_before and tonumber(issued_before) > tonumber(issued) then issued = issued_before end\n"
    "  if ended_before and tonumber(ended_before) > tonumber(ends) then ends = ended_before end\n"
    "  redis.call('HSET', KEYS[1], name, issued .. ' ' .. ends)\n"
    "  redis.call('ZADD', KEYS[2], ends, name)\n"
    "  if known ~= issued .. ' ' .. ends then\n"
    "    redis.call('PUBLISH', ARGV[1], issued .. ' ' .. ends .. ' ' .. name)\n"
    "  end\n"
    "end\n"
    "local t = redis.call('TIME')\n"
    "local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))\n"
    "for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 256)) do\n"
    "  redis.call('HDEL', KEYS[1], name)\n"
    "  redis.call('ZREM', KEYS[2], name)\n"
    "end\n"
    "local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]\n"
    "if last then\n"
    "  for i = 1, 2 do redis.call('PEXPIREAT', KEYS[i], string.format('%.0f', tonumber(last))) end\n"
    "end\n"
    "return redis.call('HLEN', KEYS[1])\n";

const std::string_view kScriptTexts[kScripts] = {kPublishScript, kSyncScript,  kPurgeScript, kAttendScript,
                                                 kLeaseScript,   kCleanScript, kStateScript, kRevokeScript};

}  // namespace ringcast::cluster
