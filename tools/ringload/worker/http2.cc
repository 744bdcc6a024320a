// SPDX-License-Identifier: Apache-2.0
#include "http2.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "connections.h"

namespace ringcast::ringload {
namespace {

// As browsers have them, about: what waits is to wait at the server.
constexpr int32_t kStreamWindow = 1 << 20;
constexpr int32_t kConnectionWindow = 16 << 20;

nghttp2_session_callbacks* new_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  return callbacks;
}

nghttp2_option* new_option() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  return option;
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          .value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

std::string_view view_of(const uint8_t* text, size_t length) {
  return {reinterpret_cast<const char*>(text), length};
}

}  // namespace

Http2::Http2(Connections& all, uint32_t members, uint32_t publishers, uint32_t streams)
    : all_(all),
      members_(members),
      publishers_(publishers),
      streams_(streams),
      latest_(size_t{members} + publishers),
      unread_(size_t{members} + publishers),
      callbacks_(new_callbacks(), nghttp2_session_callbacks_del),
      option_(new_option(), nghttp2_option_del) {
  nghttp2_session_callbacks_set_on_header_callback(callbacks_.get(), on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks_.get(), on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks_.get(), on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks_.get(), on_close);
  nghttp2_option_set_no_auto_window_update(option_.get(), 1);  // slow members give no window
  for (uint32_t i = 0; i < carriers(members, publishers, streams); ++i) {
    Carrier& one = carriers_.emplace_back();
    one.of = this;
    one.index = members_ + publishers_ + i;
  }
}

bool Http2::carries(const Connection& connection) const {
  return all_.index_of(connection) >= members_ + publishers_;
}

uint32_t Http2::carrier_index(const Connection& connection) const {
  const uint32_t index = all_.index_of(connection);
  const uint32_t of_members = (members_ + streams_ - 1) / streams_;
  return index < members_ ? index / streams_ : of_members + index - members_;
}

Connection& Http2::carrier_of(const Connection& connection) {
  return all_[members_ + publishers_ + carrier_index(connection)];
}

Http2::Carrier& Http2::carrier(const Connection& carrier_connection) {
  return carriers_[all_.index_of(carrier_connection) - members_ - publishers_];
}

bool Http2::is_up(const Connection& carrier_connection) const {
  return carriers_[all_.index_of(carrier_connection) - members_ - publishers_].session != nullptr;
}

template <class Call>
void Http2::each_carried(uint32_t carrier_index, Call&& call) {
  const uint32_t of_members = (members_ + streams_ - 1) / streams_;
  if (carrier_index >= of_members) return call(all_[members_ + carrier_index - of_members]);
  const uint32_t end = std::min((carrier_index + 1) * streams_, members_);
  for (uint32_t i = carrier_index * streams_; i < end; ++i) call(all_[i]);
}

void Http2::begin(Connection& connection) {
  Carrier& own = carrier(connection);
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new2(&session, callbacks_.get(), &own, option_.get()) != 0) throw std::bad_alloc();
  own.session.reset(session);
  connection.state = Connection::State::opening;
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  make_dirty(own);
  each_carried(own.index - members_ - publishers_, [&](Connection& carried) {
    if (carried.state == Connection::State::connecting) listener_->on_carried(carried);
  });
}

void Http2::make_dirty(Carrier& own) {
  if (!std::exchange(own.dirty, true)) dirty_.push_back(own.index - members_ - publishers_);
}

Connection* Http2::owner_of(const Stream& stream) {
  if (stream.owner == Stream::kNobody) return nullptr;
  Connection& connection = all_[stream.owner];
  return connection.state == Connection::State::ended ? nullptr : &connection;
}

void Http2::request(Connection& connection, Http2Request request) {
  Carrier& own = carriers_[carrier_index(connection)];
  if (own.session == nullptr) return;
  std::vector<nghttp2_nv> fields{field(":method", request.method),
                                 field(":scheme", all_.options.tls ? "https" : "http"),
                                 field(":authority", all_.options.host), field(":path", request.target)};
  for (const auto& [name, value] : request.fields) fields.push_back(field(name, value));
  if (own.free.empty()) own.free.push_back(&own.streams.emplace_back());
  Stream& stream = *own.free.back();
  stream = {.owner = all_.index_of(connection), .body = std::move(request.body)};
  nghttp2_data_provider body{.source = {.ptr = &stream}, .read_callback = read_body};
  stream.id = nghttp2_submit_request(own.session.get(), nullptr, fields.data(), fields.size(),
                                     stream.body.empty() ? nullptr : &body, &stream);
  if (stream.id < 0) return all_.lost(connection, ErrorKind::bad_answer, nghttp2_strerror(stream.id));
  own.free.pop_back();
  latest_[stream.owner] = stream.id;
  unread_[stream.owner] = 0;
  make_dirty(own);
}

void Http2::reset(const Connection& connection) {
  if (carries(connection)) return;
  const int32_t id = std::exchange(latest_[all_.index_of(connection)], 0);
  Carrier& own = carriers_[carrier_index(connection)];
  if (id == 0 || own.session == nullptr) return;
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(own.session.get(), id));
  if (stream == nullptr) return;
  stream->owner = Stream::kNobody;
  nghttp2_submit_rst_stream(own.session.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  make_dirty(own);
}

void Http2::release(const Connection& connection) {
  const uint32_t index = all_.index_of(connection);
  Carrier& own = carriers_[carrier_index(connection)];
  const uint32_t unread = std::exchange(unread_[index], 0);
  if (own.session == nullptr || latest_[index] == 0 || unread == 0) return;
  nghttp2_session_consume_stream(own.session.get(), latest_[index], unread);
  make_dirty(own);
}

void Http2::take(Connection& connection, std::span<const uint8_t> bytes) {
  Carrier& own = carrier(connection);
  if (own.session == nullptr) return;
  const ssize_t taken = nghttp2_session_mem_recv(own.session.get(), bytes.data(), bytes.size());
  if (taken < 0) return lost(connection, ErrorKind::bad_answer, nghttp2_strerror(static_cast<int>(taken)));
  make_dirty(own);
}

void Http2::lost(Connection& connection, ErrorKind kind, std::string_view example) {
  Carrier& own = carrier(connection);
  own.session.reset();
  own.streams.clear();
  own.free.clear();
  all_.close(connection, io::CloseMode::graceful);
  each_carried(own.index - members_ - publishers_, [&](Connection& carried) {
    latest_[all_.index_of(carried)] = 0;
    if (carried.state > Connection::State::idle && carried.state < Connection::State::ended)
      all_.lost(carried, kind, example);
  });
}

void Http2::flush() {
  for (const uint32_t index : dirty_) {
    Carrier& own = carriers_[index];
    own.dirty = false;
    if (own.session == nullptr) continue;
    const uint8_t* bytes = nullptr;
    for (;;) {
      const ssize_t length = nghttp2_session_mem_send(own.session.get(), &bytes);
      if (length <= 0) break;
      all_.write_to(all_[own.index]).append(view_of(bytes, static_cast<size_t>(length)));
    }
  }
  dirty_.clear();
}

int Http2::on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                     const uint8_t* value, size_t value_length, uint8_t, void*) {
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  if (stream == nullptr) return 0;
  const std::string_view key = view_of(name, name_length);
  const std::string_view text = view_of(value, value_length);
  if (key == ":status") std::from_chars(text.data(), text.data() + text.size(), stream->status);
  if (key == "grpc-status") stream->failed = text != "0";
  return 0;
}

int Http2::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* carrier) {
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  if (stream == nullptr || stream->status < 200) return 0;
  Http2& self = *static_cast<Carrier*>(carrier)->of;
  Connection* owner = self.owner_of(*stream);
  if (owner == nullptr) return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_RESPONSE) self.listener_->on_status(*owner, stream->status);
  if (stream->failed) self.all_.note(ErrorKind::server_error, "a call was answered with an error");
  return 0;
}

int Http2::on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t length, void* carrier) {
  Http2& self = *static_cast<Carrier*>(carrier)->of;
  nghttp2_session_consume_connection(session, length);
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  Connection* owner = stream == nullptr ? nullptr : self.owner_of(*stream);
  if (owner != nullptr && owner->held) {
    self.unread_[stream->owner] += static_cast<uint32_t>(length);
  } else {
    nghttp2_session_consume_stream(session, id, length);
  }
  if (owner != nullptr) self.listener_->on_body(*owner, {data, length});
  return 0;
}

int Http2::on_close(nghttp2_session* session, int32_t id, uint32_t error, void* carrier) {
  auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  if (stream == nullptr) return 0;
  auto& own = *static_cast<Carrier*>(carrier);
  Http2& self = *own.of;
  Connection* owner = self.owner_of(*stream);
  if (stream->owner != Stream::kNobody && self.latest_[stream->owner] == id) self.latest_[stream->owner] = 0;
  stream->owner = Stream::kNobody;
  own.free.push_back(stream);
  if (owner == nullptr) return 0;
  if (owner->slow) {
    ++self.all_.measures.slow_closed;
    self.all_.lost(*owner, ErrorKind::count_, {});
  } else if (error == NGHTTP2_NO_ERROR) {
    self.listener_->on_complete(*owner);
  } else {
    self.all_.lost(*owner, ErrorKind::reset_by_server, std::string("stream error ") + nghttp2_http2_strerror(error));
  }
  return 0;
}

ssize_t Http2::read_body(nghttp2_session*, int32_t, uint8_t* out, size_t length, uint32_t* flags,
                         nghttp2_data_source* source, void*) {
  auto& stream = *static_cast<Stream*>(source->ptr);
  const size_t taken = std::min(length, stream.body.size() - stream.sent);
  std::memcpy(out, stream.body.data() + stream.sent, taken);
  stream.sent += taken;
  if (stream.sent == stream.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

}  // namespace ringcast::ringload
