// SPDX-License-Identifier: Apache-2.0
#include "http2_client.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace ringcast::simulation {

namespace {

// What remains of a window before it grows is at least half of it: no less than the server thinks worth a frame. Into
// smaller ones it sends when time passes, and at rest none does.
constexpr uint64_t kWindowLeast = 2 * 1024 + 2;

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          .value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

Http2Client::Http2Client(World& world, const std::string& name, const std::string& tenant) : SimClient(world, name) {
  const uint64_t count = random().between(1, 5);
  for (uint64_t i = 0; i < count; ++i) {
    streams_.push_back({.source = EventStream(world, name + '/' + std::to_string(i), tenant,
                                              'u' + std::to_string(random().below(world.users)))});
  }
}

void Http2Client::on_connected() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new2(&session, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  withheld_ = 0;
  const auto window = static_cast<uint32_t>(random().between(kWindowLeast, 9000));
  note("speaks HTTP/2 with windows of " + std::to_string(window));
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  for (Stream& stream : streams_) {
    if (random().percent(60)) ask(stream);
  }
  write();
}

void Http2Client::ask(Stream& stream) {
  if (nghttp2_session_check_request_allowed(session_.get()) == 0) return;  // the server takes leave
  const std::string target = stream.source.ask();
  const std::string since = stream.source.last_event_id();
  std::vector<nghttp2_nv> fields{field(":method", "GET"), field(":scheme", "http"), field(":authority", "sim"),
                                 field(":path", target), field("accept", "text/event-stream")};
  if (!since.empty()) fields.push_back(field("last-event-id", since));
  stream.id = nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), nullptr, &stream);
  stream.status = 0;
  stream.withheld = 0;
  stream.held = false;
}

void Http2Client::do_something() {
  Stream& stream = streams_[random().below(streams_.size())];
  const uint64_t choice = random().below(100);
  if (choice < 8) {
    note("stops reading");
    return set_reading(false);
  }
  if (choice < 40) return set_reading(true);
  if (choice < 65) {
    if (stream.id == 0) ask(stream);
  } else if (choice < 75) {
    stream.held = true;
  } else if (choice < 85) {
    if (stream.id == 0) return;
    note("resets a stream");
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
  } else if (choice < 90) {
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  } else if (choice < 94) {
    return cut(random().percent(50));
  }
  write();
}

bool Http2Client::has_unread() const {
  if (SimClient::has_unread()) return true;
  if (pipe_ == nullptr || !reading_) return false;
  return withheld_ != 0 ||
         std::any_of(streams_.begin(), streams_.end(), [](const Stream& stream) { return stream.withheld != 0; });
}

void Http2Client::read() {
  if (pipe_ == nullptr || !reading_) return;
  SimClient::read();
  if (pipe_ != nullptr) release();
}

// What was read makes room again.
void Http2Client::release() {
  nghttp2_session_consume_connection(session_.get(), std::exchange(withheld_, 0));
  for (Stream& stream : streams_) {
    stream.held = false;
    const size_t bytes = std::exchange(stream.withheld, 0);
    if (stream.id != 0 && bytes != 0) nghttp2_session_consume_stream(session_.get(), stream.id, bytes);
  }
  write();
}

void Http2Client::on_bytes(std::span<uint8_t> bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size());
  if (taken < 0) violated("http2", nghttp2_strerror(static_cast<int>(taken)));
  write();
}

void Http2Client::write() {
  const uint8_t* bytes = nullptr;
  for (;;) {
    const ssize_t length = nghttp2_session_mem_send(session_.get(), &bytes);
    if (length <= 0) return;
    send({reinterpret_cast<const char*>(bytes), static_cast<size_t>(length)});
  }
}

void Http2Client::on_end() {
  session_.reset();
  for (Stream& stream : streams_) {
    stream.id = 0;
    stream.withheld = 0;
    if (stream.source.under_way()) stream.source.lost();
  }
}

Http2Client::Stream* Http2Client::stream_of(nghttp2_session* session, int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

int Http2Client::on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                           size_t name_length, const uint8_t* value, size_t value_length, uint8_t, void*) {
  const std::string_view key(reinterpret_cast<const char*>(name), name_length);
  const char* const text = reinterpret_cast<const char*>(value);
  Stream* const stream = stream_of(session, frame->hd.stream_id);
  if (stream != nullptr && key == ":status") std::from_chars(text, text + value_length, stream->status);
  return 0;
}

int Http2Client::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  Stream* const stream = stream_of(session, frame->hd.stream_id);
  if (stream != nullptr && frame->hd.type == NGHTTP2_HEADERS) stream->source.answered(stream->status);
  return 0;
}

int Http2Client::on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t length,
                         void* client) {
  Http2Client& self = *static_cast<Http2Client*>(client);
  Stream* const stream = stream_of(session, id);
  self.withheld_ += length;
  if (stream == nullptr) return 0;
  stream->withheld += length;
  stream->source.take({reinterpret_cast<const char*>(data), length});
  return 0;
}

int Http2Client::on_close(nghttp2_session* session, int32_t id, uint32_t error, void* client) {
  Http2Client& self = *static_cast<Http2Client*>(client);
  Stream* const stream = stream_of(session, id);
  if (stream == nullptr) return 0;
  self.note(std::string("a stream ends: ") + nghttp2_http2_strerror(error));
  if (error == NGHTTP2_REFUSED_STREAM && !self.world_.draining())
    violated("http2", self.name() + " is refused a stream");
  stream->id = 0;
  stream->withheld = 0;
  if (error == NGHTTP2_NO_ERROR) {
    stream->source.completed();
  } else if (stream->source.under_way()) {
    stream->source.lost();
  }
  return 0;
}

void Http2Client::check_at_rest() const {
  for (const Stream& stream : streams_) stream.source.check_at_rest();
}

void Http2Client::check_drained(bool) const {
  for (const Stream& stream : streams_) stream.source.check_drained();
}

void Http2Client::count_in(Presences& present) const {
  for (const Stream& stream : streams_) stream.source.count_in(present);
}

}  // namespace ringcast::simulation
