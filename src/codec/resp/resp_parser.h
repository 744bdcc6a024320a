// SPDX-License-Identifier: Apache-2.0
// RESP 2, the protocol of Redis and Valkey (https://redis.io/docs/reference/protocol-spec/), as a client reads it:
// bytes in pieces of any size become whole replies. Knows no sockets. One per connection; its owner's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::codec {

enum class RespType : uint8_t { simple, error, integer, bulk, null, array };

class RespReply;

// A value within a reply; valid as long as the reply.
class RespValue {
 public:
  RespValue(const RespReply& reply, uint32_t index) : reply_(&reply), index_(index) {}
  RespType type() const;
  bool is(RespType wanted) const { return type() == wanted; }
  bool is_text() const { return is(RespType::bulk) || is(RespType::simple); }
  std::string_view text() const;            // simple, error, bulk; else empty
  int64_t integer() const;                  // else 0
  uint32_t size() const;                    // of an array; else 0
  RespValue operator[](uint32_t at) const;  // at < size()
  // To walk an array: its first value, if it has one, and what follows a value in its array, if something does.
  RespValue first() const { return {*reply_, index_ + 1}; }
  RespValue next() const;

 private:
  const RespReply* reply_;
  uint32_t index_;
};

// One whole reply, as a tree that lies in one list: a value is followed by all that is within it.
class RespReply {
 public:
  RespValue root() const { return {*this, 0}; }

 private:
  friend class RespParser;
  friend class RespValue;
  struct Node {
    RespType type;
    uint32_t next = 0;    // the index behind all that is within it
    uint32_t size = 0;    // of an array
    int64_t integer = 0;  // integer; of a text where it begins
    size_t length = 0;    // of a text
  };
  std::vector<Node> nodes_;
  std::string_view bytes_;
};

struct RespLimits {
  size_t reply_bytes_max = 64 << 20;
  uint32_t values_max = 1 << 20;  // in one reply
  uint32_t depth_max = 8;
};

class RespParser {
 public:
  enum class Status : uint8_t { need_more, reply, broken };

  explicit RespParser(const RespLimits& limits = {}) : limits_(limits) {}

  // Bytes that have arrived. Replies that were given out are not valid any more.
  void append(std::string_view bytes);
  // The next whole reply in reply(), valid until the next call. After `broken` nothing follows: why() says what was
  // wrong.
  Status next();
  const RespReply& reply() const { return reply_; }
  std::string_view why() const { return why_; }
  size_t buffered() const { return buffer_.size() - begin_; }

 private:
  struct Open {
    uint32_t node;
    uint32_t missing;
  };
  enum class Step : uint8_t { value, need_more, broken };
  Step take_value();
  Step broken(std::string_view why);
  bool take_line(std::string_view& line);
  void settle();  // the newest value is complete: so may be those that it lies in

  const RespLimits limits_;
  std::string buffer_;
  size_t begin_ = 0;      // of the reply that is being read
  size_t at_ = 0;         // what follows has not been looked at
  size_t line_from_ = 0;  // and has no end of a line before this
  std::vector<Open> open_;
  RespReply reply_;
  bool done_ = false;  // reply_ has been given out
  bool broken_ = false;
  std::string_view why_;
};

// Appends the head of a command of so many words, and each word.
void append_resp_command(std::string& out, uint32_t words);
void append_resp_word(std::string& out, std::string_view word);
void append_resp_word(std::string& out, uint64_t number);

}  // namespace ringcast::codec
