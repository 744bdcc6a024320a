// SPDX-License-Identifier: Apache-2.0
// Http2: HTTP/2 connections that carry the requests of members and publishers as streams (RFC 9113, by nghttp2):
// several members on each, every publisher on one of its own. Such a connection is an entry of Connections too, behind
// the members and publishers. Worker's thread only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"

namespace ringcast::ringload {

class Connections;

// What comes back, by whose request it answers.
class Http2Listener {
 public:
  virtual ~Http2Listener() = default;
  virtual void on_carried(Connection& connection) = 0;  // requests may be made
  virtual void on_status(Connection& connection, uint16_t status) = 0;
  virtual void on_body(Connection& connection, std::span<const uint8_t> body) = 0;
  virtual void on_complete(Connection& connection) = 0;
};

struct Http2Request {
  std::string_view method;
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> fields{};
  std::string body{};
};

class Http2 {
 public:
  Http2(Connections& all, uint32_t members, uint32_t publishers, uint32_t streams);

  void set_listener(Http2Listener& listener) { listener_ = &listener; }
  static uint32_t carriers(uint32_t members, uint32_t publishers, uint32_t streams) {
    return (members + streams - 1) / streams + publishers;
  }
  bool carries(const Connection& connection) const;
  // The one that carries it; to be opened when it is idle or has ended.
  Connection& carrier_of(const Connection& connection);
  bool is_up(const Connection& carrier) const;
  // The carrier is connected: the requests of those that wait for it can be made.
  void begin(Connection& carrier);
  void request(Connection& connection, Http2Request request);
  // Its streams end without a word of the server.
  void reset(const Connection& connection);
  // A connection that was held reads on: the server may send it more.
  void release(const Connection& connection);
  void take(Connection& carrier, std::span<const uint8_t> bytes);
  // The carrier is gone, and all that it carried.
  void lost(Connection& carrier, ErrorKind kind, std::string_view example);
  // What nghttp2 has to say goes to Connections, and leaves with its next flush.
  void flush();

 private:
  struct Stream {
    static constexpr uint32_t kNobody = UINT32_MAX;
    uint32_t owner = kNobody;
    int32_t id = 0;
    uint16_t status = 0;
    bool failed = false;  // by its trailers (gRPC)
    std::string body;     // of the request
    size_t sent = 0;
  };
  struct SessionDelete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  struct Carrier {
    Http2* of = nullptr;
    uint32_t index = 0;
    std::unique_ptr<nghttp2_session, SessionDelete> session;
    std::deque<Stream> streams;
    std::vector<Stream*> free;
    bool dirty = false;
  };

  uint32_t carrier_index(const Connection& connection) const;
  Carrier& carrier(const Connection& carrier_connection);
  void make_dirty(Carrier& carrier);
  Connection* owner_of(const Stream& stream);
  template <class Call>
  void each_carried(uint32_t carrier_index, Call&& call);

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                       const uint8_t* value, size_t value_length, uint8_t flags, void* carrier);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* carrier);
  static int on_data(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t length, void* carrier);
  static int on_close(nghttp2_session*, int32_t id, uint32_t error, void* carrier);
  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* out, size_t length, uint32_t* flags,
                           nghttp2_data_source* source, void* carrier);

  Connections& all_;
  const uint32_t members_;
  const uint32_t publishers_;
  const uint32_t streams_;
  Http2Listener* listener_ = nullptr;
  std::deque<Carrier> carriers_;
  std::vector<int32_t> latest_;   // stream of each member and publisher; 0: none
  std::vector<uint32_t> unread_;  // … bytes of it that a held one has not taken
  std::vector<uint32_t> dirty_;
  std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> callbacks_;
  std::unique_ptr<nghttp2_option, void (*)(nghttp2_option*)> option_;
};

}  // namespace ringcast::ringload
