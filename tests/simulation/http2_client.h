// SPDX-License-Identifier: Apache-2.0
// A simulated browser that speaks HTTP/2: several EventSources on one connection, which open, are reset, and give the
// server windows that grow in steps, or not at all for a while. One thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <deque>
#include <memory>
#include <string>

#include "event_stream.h"
#include "sim_client.h"

namespace ringcast::simulation {

class Http2Client final : public SimClient {
 public:
  Http2Client(World& world, const std::string& name, const std::string& tenant);
  void read() override;
  bool has_unread() const override;
  void check_at_rest() const override;
  void check_drained(bool rested) const override;
  void count_in(Presences& present) const override;

 private:
  struct Stream {
    EventStream source;
    int32_t id = 0;       // 0: none
    int status = 0;       // of the answer
    bool held = false;    // gives no window
    size_t withheld = 0;  // bytes that are read and not given back
  };
  struct SessionDelete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override;

  void ask(Stream& stream);
  void release();
  void write();
  static Stream* stream_of(nghttp2_session* session, int32_t id);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                       const uint8_t* value, size_t value_length, uint8_t flags, void* self);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int on_data(nghttp2_session* session, uint8_t flags, int32_t id, const uint8_t* data, size_t length,
                     void* self);
  static int on_close(nghttp2_session* session, int32_t id, uint32_t error, void* self);

  std::deque<Stream> streams_;
  std::unique_ptr<nghttp2_session, SessionDelete> session_;
  size_t withheld_ = 0;  // of the connection's window
};

}  // namespace ringcast::simulation
