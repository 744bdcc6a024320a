// SPDX-License-Identifier: Apache-2.0
#include "codec/http2/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "codec/http1/http_response.h"
#include "codec/http1/http_syntax.h"

namespace ringcast::codec {
namespace {

// Of what peers may send: a whole body's worth of window for a few streams at a time, and one stream's.
constexpr int32_t kConnectionWindow = 256 << 10;
constexpr int32_t kStreamWindow = 64 << 10;
// A smaller window is not worth a frame, where there is more to send.
constexpr uint32_t kFrameBytesMin = 1024;
constexpr size_t kFrameHeader = 9;

// What nghttp2 keeps for us with each stream: the tag and these.
constexpr uintptr_t kOpen = 1;     // there is a tag
constexpr uintptr_t kChunked = 2;  // the body's length is not known
constexpr uintptr_t kEnded = 4;    // the request is complete
constexpr uintptr_t kStarved = 8;
constexpr int kTagShift = 8;

uintptr_t bits_of(nghttp2_session* session, int32_t stream) {
  return reinterpret_cast<uintptr_t>(nghttp2_session_get_stream_user_data(session, stream));
}
void set_bits(nghttp2_session* session, int32_t stream, uintptr_t bits) {
  nghttp2_session_set_stream_user_data(session, stream, reinterpret_cast<void*>(bits));
}
uint32_t tag_of(uintptr_t bits) {
  return static_cast<uint32_t>(bits >> kTagShift);
}

std::string_view text_of(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}
std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Of HTTP/1.1's connections only (RFC 9113 section 8.2.2).
bool is_of_connection(std::string_view lower) {
  return lower == "connection" || lower == "keep-alive" || lower == "transfer-encoding" || lower == "upgrade" ||
         lower == "proxy-connection";
}

double burst_of(uint32_t per_second) {
  return static_cast<double>(per_second) * Http2Limits::kBurstSeconds;
}

nghttp2_nv field_of(std::string_view name, std::string_view value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// "Name: value\r\n" and so on, the names in lower case in `names`, which the fields point into.
void append_fields(std::vector<nghttp2_nv>& fields, std::string& names, std::string_view lines) {
  names.reserve(lines.size());
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    RINGCAST_ASSERT(end != std::string_view::npos);
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const size_t colon = line.find(": ");
    RINGCAST_ASSERT(colon != std::string_view::npos);
    const size_t from = names.size();
    for (const char c : line.substr(0, colon)) names += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    const std::string_view name = std::string_view(names).substr(from);
    if (!is_of_connection(name)) fields.push_back(field_of(name, line.substr(colon + 2)));
  }
}

}  // namespace

std::string_view to_string(Http2Fault fault) {
  static constexpr std::string_view kNames[] = {"none", "protocol", "headers", "resets", "control_frames", "memory"};
  static_assert(std::size(kNames) == static_cast<size_t>(Http2Fault::count_));
  return kNames[static_cast<size_t>(fault)];
}

struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  // --- memory: the size lies before what is given out ---
  static constexpr size_t kBefore = alignof(std::max_align_t);
  static void* allocate(size_t size, void* user) {
    auto& memory = *static_cast<Memory*>(user);
    if (size > memory.max || memory.used + size > memory.max) {
      memory.refused = true;
      return nullptr;
    }
    auto* const at = static_cast<char*>(std::malloc(kBefore + size));
    if (at == nullptr) return nullptr;
    std::memcpy(at, &size, sizeof size);
    memory.used += size;
    return at + kBefore;
  }
  static void release(void* pointer, void* user) {
    if (pointer == nullptr) return;
    char* const at = static_cast<char*>(pointer) - kBefore;
    size_t size;
    std::memcpy(&size, at, sizeof size);
    static_cast<Memory*>(user)->used -= size;
    std::free(at);
  }
  static void* allocate_zeroed(size_t count, size_t size, void* user) {
    if (size != 0 && count > SIZE_MAX / size) return nullptr;
    void* const at = allocate(count * size, user);
    if (at != nullptr) std::memset(at, 0, count * size);
    return at;
  }
  static void* reallocate(void* pointer, size_t size, void* user) {
    void* const made = allocate(size, user);
    if (made == nullptr || pointer == nullptr) return made;
    size_t before;
    std::memcpy(&before, static_cast<char*>(pointer) - kBefore, sizeof before);
    std::memcpy(made, pointer, std::min(before, size));
    release(pointer, user);
    return made;
  }

  // --- what arrives ---
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
    Http2Session& session = self(user);
    switch (header->type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_WINDOW_UPDATE:
      case NGHTTP2_GOAWAY: return 0;
      case NGHTTP2_DATA:
        if (header->length != 0 || (header->flags & NGHTTP2_FLAG_END_STREAM) != 0) return 0;
        break;
      case NGHTTP2_RST_STREAM:
        if (!session.take(session.resets_, session.limits_.resets_per_second)) session.give_up(Http2Fault::resets);
        return 0;
      case NGHTTP2_PING:
      case NGHTTP2_SETTINGS:
        if ((header->flags & NGHTTP2_FLAG_ACK) != 0) return 0;
        break;
      default: break;
    }
    if (!session.take(session.control_frames_, session.limits_.control_frames_per_second)) {
      session.give_up(Http2Fault::control_frames);
    }
    return 0;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(user).head_ = {};
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void* user) {
    Http2Session& session = self(user);
    if (session.fault_ != Http2Fault::none || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    return session.add_field(text_of(name, name_size), text_of(value, value_size))
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Session& self_ = self(user);
    if (self_.fault_ != Http2Fault::none) return 0;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    const int32_t stream = frame->hd.stream_id;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          self_.begin_request(stream, ends);
        } else if (ends) {
          self_.end_request(stream);
        }
        break;
      case NGHTTP2_DATA:
        if (ends) self_.end_request(stream);
        break;
      case NGHTTP2_WINDOW_UPDATE:
      case NGHTTP2_SETTINGS: self_.retry_ = true; break;
      default: break;
    }
    (void)session;
    return 0;
  }

  static int on_data(nghttp2_session* session, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user) {
    Http2Session& self_ = self(user);
    const uintptr_t bits = bits_of(session, stream);
    if ((bits & kOpen) == 0 || self_.fault_ != Http2Fault::none) {
      nghttp2_session_consume(session, stream, size);
      return 0;
    }
    const uint32_t tag = tag_of(bits);
    const auto counted = static_cast<uint32_t>(size);
    const bool chunked = (bits & kChunked) != 0;
    // With any piece the listener may have done with the stream; the connection's window is to come back all the same.
    const auto open = [&] { return (bits_of(session, stream) & kOpen) != 0; };
    char chunk[kChunkHeaderMax];
    if (chunked) self_.listener_.on_body(tag, bytes_of({chunk, write_chunk_header(chunk, size)}), 0);
    if (open()) self_.listener_.on_body(tag, {data, size}, counted);
    if (!open()) return nghttp2_session_consume_connection(session, size), 0;
    if (chunked) self_.listener_.on_body(tag, bytes_of(kChunkEnd), 0);
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, int32_t stream, uint32_t, void* user) {
    Http2Session& self_ = self(user);
    const uintptr_t bits = bits_of(session, stream);
    if ((bits & kStarved) != 0) std::erase(self_.starved_, static_cast<uint32_t>(stream));
    if ((bits & kOpen) == 0) return 0;
    set_bits(session, stream, 0);
    --self_.open_;
    self_.listener_.on_stream_closed(tag_of(bits));
    return 0;
  }

  // --- what is sent ---
  static int on_frame_sent(nghttp2_session* nghttp2, const nghttp2_frame* frame, void* user) {
    Http2Session& session = self(user);
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_HEADERS &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      const uintptr_t bits = bits_of(nghttp2, frame->hd.stream_id);
      if ((bits & kOpen) != 0) session.listener_.on_trailers_sent(tag_of(bits));
    }
    // nghttp2 has found fault itself.
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        session.fault_ == Http2Fault::none) {
      session.fault_ = Http2Fault::protocol;
    }
    if (frame->hd.type != NGHTTP2_RST_STREAM) return 0;
    // Those that the peer's faults have caused count as if it had sent them.
    switch (frame->rst_stream.error_code) {
      case NGHTTP2_PROTOCOL_ERROR:
      case NGHTTP2_FLOW_CONTROL_ERROR:
      case NGHTTP2_STREAM_CLOSED:
      case NGHTTP2_FRAME_SIZE_ERROR:
      case NGHTTP2_INTERNAL_ERROR:
        if (!session.take(session.resets_, session.limits_.resets_per_second)) session.give_up(Http2Fault::resets);
        return 0;
      default: return 0;
    }
  }

  static ssize_t read(nghttp2_session* session, int32_t stream, uint8_t*, size_t length, uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    Http2Session& self_ = self(user);
    const uintptr_t bits = bits_of(session, stream);
    if ((bits & kOpen) == 0) return NGHTTP2_ERR_DEFERRED;
    const Http2Available available = self_.listener_.available(tag_of(bits));
    if (available.bytes == 0 && !available.last) return NGHTTP2_ERR_DEFERRED;
    uint64_t allowed = length;
    if (self_.open_ > 1) {
      // A stream whose data is not taken keeps part of the connection's window: beside others it may have three
      // quarters of what they leave.
      const int64_t initial = nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
      const int64_t held =
          std::max<int64_t>(0, initial - nghttp2_session_get_stream_remote_window_size(session, stream));
      const int64_t share = 3 * int64_t{nghttp2_session_get_remote_window_size(session)} - held;
      allowed = std::min(allowed, static_cast<uint64_t>(std::max<int64_t>(share, 0)));
    }
    const uint64_t size = std::min(allowed, available.bytes);
    const bool all = size == available.bytes;
    if (!all && (size == 0 || (size < kFrameBytesMin && !self_.small_))) {
      if ((bits & kStarved) == 0) {
        set_bits(session, stream, bits | kStarved);
        self_.starved_.push_back(static_cast<uint32_t>(stream));
      }
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!all || !available.last) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!available.trailers.empty()) {
      std::string names;
      std::vector<nghttp2_nv> fields;
      append_fields(fields, names, available.trailers);
      if (nghttp2_submit_trailer(session, stream, fields.data(), fields.size()) != 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    return static_cast<ssize_t>(size);
  }

  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header, size_t length,
                       nghttp2_data_source*, void* user) {
    Http2Session& self_ = self(user);
    const uintptr_t bits = bits_of(session, frame->hd.stream_id);
    if ((bits & kOpen) == 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    self_.full_ =
        !self_.listener_.write_data(text_of(header, kFrameHeader), tag_of(bits), static_cast<uint32_t>(length), last);
    return self_.full_ ? NGHTTP2_ERR_PAUSE : 0;
  }

  static nghttp2_session_callbacks* all() {
    static nghttp2_session_callbacks* const made = [] {
      nghttp2_session_callbacks* callbacks = nullptr;
      nghttp2_session_callbacks_new(&callbacks);
      nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
      nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
      return callbacks;
    }();
    return made;
  }

  static nghttp2_option* options() {
    static nghttp2_option* const made = [] {
      nghttp2_option* option = nullptr;
      nghttp2_option_new(&option);
      nghttp2_option_set_no_auto_window_update(option, 1);
      nghttp2_option_set_no_closed_streams(option, 1);
      nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
      return option;
    }();
    return made;
  }
};

Http2Session::Http2Session(const Http2Limits& limits, Http2Listener& listener, int64_t now_ms)
    : limits_(limits), listener_(listener), now_ms_(now_ms) {
  memory_.max = limits.memory_max;
  resets_ = {burst_of(limits.resets_per_second), now_ms};
  control_frames_ = {burst_of(limits.control_frames_per_second), now_ms};
  nghttp2_mem memory{&memory_, Callbacks::allocate, Callbacks::release, Callbacks::allocate_zeroed,
                     Callbacks::reallocate};
  if (nghttp2_session_server_new3(&session_, Callbacks::all(), this, Callbacks::options(), &memory) != 0) {
    session_ = nullptr;
    fault_ = Http2Fault::memory;
    return;
  }
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headers_max},
  };
  if (nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
      nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) != 0) {
    fault_ = Http2Fault::memory;
  }
}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
}

bool Http2Session::take(Bucket& bucket, uint32_t per_second) {
  const double earned = static_cast<double>(now_ms_ - bucket.since_ms) * static_cast<double>(per_second) / 1000;
  bucket.tokens = std::min(bucket.tokens + earned, burst_of(per_second));
  bucket.since_ms = now_ms_;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

// Sends GOAWAY (ENHANCE_YOUR_CALM or PROTOCOL_ERROR); what the peer sends from now on is ignored.
void Http2Session::give_up(Http2Fault fault) {
  if (fault_ != Http2Fault::none) return;
  fault_ = fault;
  nghttp2_session_terminate_session(session_,
                                    fault == Http2Fault::protocol ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::feed(std::span<const uint8_t> bytes, int64_t now_ms) {
  now_ms_ = now_ms;
  if (fault_ != Http2Fault::none) return;
  const ssize_t taken = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  if (fault_ != Http2Fault::none) return;
  if (taken >= 0) return;
  if (taken == NGHTTP2_ERR_FLOODED) return give_up(Http2Fault::control_frames);
  give_up(memory_.refused ? Http2Fault::memory : Http2Fault::protocol);
}

bool Http2Session::write() {
  if (session_ == nullptr) return true;
  if (retry_ || small_) {
    retry_ = false;
    for (const uint32_t stream : std::exchange(starved_, {})) {
      const auto id = static_cast<int32_t>(stream);
      set_bits(session_, id, bits_of(session_, id) & ~kStarved);
      nghttp2_session_resume_data(session_, id);
    }
  }
  for (full_ = false; !full_;) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) {
      if (fault_ == Http2Fault::none) fault_ = memory_.refused ? Http2Fault::memory : Http2Fault::protocol;
      break;
    }
    if (size == 0 && !full_) break;
    if (size != 0 && !listener_.write_frame(text_of(bytes, static_cast<size_t>(size)))) full_ = true;
  }
  small_ = false;
  if (memory_.refused && fault_ == Http2Fault::none) fault_ = Http2Fault::memory;  // an answer may be lost
  return !full_;
}

bool Http2Session::finished() const {
  return session_ == nullptr ||
         (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) ||
         (fault_ != Http2Fault::none && !full_);
}

// --- requests ---

bool Http2Session::add_field(std::string_view name, std::string_view value) {
  head_.received += name.size() + value.size() + 4;
  if (head_.received > limits_.headers_max) {
    // The parser refuses what is too large, in words; what is far too large is no mistake.
    if (head_.received > uint64_t{16} * limits_.headers_max) give_up(Http2Fault::headers);
    if (head_.text.size() > limits_.headers_max) return true;
  }
  // Never within a field (RFC 9113 section 8.2.1), and nothing here may begin a line of its own.
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return false;
  if (name == ":method") return head_.method = value, true;
  if (name == ":path") return head_.path = value, true;
  if (name == ":authority") return head_.authority = value, true;
  if (name.starts_with(':')) return true;
  if (!is_token(name)) return false;
  if (name == "host" && !head_.authority.empty()) return true;
  if (name == "cookie") {  // in pieces (section 8.2.3)
    if (!head_.cookie.empty()) head_.cookie += "; ";
    head_.cookie += value;
    return true;
  }
  if (name == "content-length") head_.has_length = true;
  head_.text.append(name).append(": ").append(value).append("\r\n");
  return true;
}

std::string_view Http2Session::finish_head(bool with_body) {
  std::string line = head_.method;
  line.append(" ").append(head_.path.empty() ? head_.authority : head_.path).append(" HTTP/1.1\r\n");
  if (!head_.authority.empty()) line.append("host: ").append(head_.authority).append("\r\n");
  if (!head_.cookie.empty()) line.append("cookie: ").append(head_.cookie).append("\r\n");
  // A stream has one request.
  line +=
      with_body && !head_.has_length ? "transfer-encoding: chunked\r\nconnection: close\r\n" : "connection: close\r\n";
  head_.text.insert(0, line);
  head_.text += "\r\n";
  return head_.text;
}

void Http2Session::begin_request(int32_t stream, bool ends) {
  const std::string_view head = finish_head(!ends);
  const uintptr_t bits = kOpen | (ends ? kEnded : 0) | (ends || head_.has_length ? 0 : kChunked);
  // The listener may answer or reset at once: it has to be known by then.
  ++open_;
  set_bits(session_, stream, bits);
  const uint32_t tag = listener_.on_request(static_cast<uint32_t>(stream), head);
  head_ = {};
  if (tag == Http2Listener::kRefused) {
    --open_;
    set_bits(session_, stream, 0);
    return reset(static_cast<uint32_t>(stream), NGHTTP2_REFUSED_STREAM);
  }
  const uintptr_t now = bits_of(session_, stream);
  if ((now & kOpen) == 0) return;
  set_bits(session_, stream, now | uintptr_t{tag} << kTagShift);
  if (ends) listener_.on_end(tag);
}

void Http2Session::end_request(int32_t stream) {
  const uintptr_t bits = bits_of(session_, stream);
  if ((bits & kOpen) == 0) return;
  set_bits(session_, stream, bits | kEnded);
  if ((bits & kChunked) != 0) listener_.on_body(tag_of(bits), bytes_of(kLastChunk), 0);
  if ((bits_of(session_, stream) & kOpen) != 0) listener_.on_end(tag_of(bits));
}

void Http2Session::consumed(uint32_t stream, uint32_t bytes) {
  nghttp2_session_consume(session_, static_cast<int32_t>(stream), bytes);
}

// --- responses ---

bool Http2Session::respond(uint32_t stream, std::string_view head, bool last) {
  const auto id = static_cast<int32_t>(stream);
  if ((bits_of(session_, id) & kOpen) == 0) return false;
  RINGCAST_ASSERT(head.size() > 12 && head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"));
  const std::string_view status = head.substr(9, 3);
  std::string names;
  std::vector<nghttp2_nv> fields{field_of(":status", status)};
  const size_t begin = head.find("\r\n") + 2;
  append_fields(fields, names, head.substr(begin, head.size() - 2 - begin));
  if (status.front() == '1') {
    return nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, fields.data(), fields.size(), nullptr) == 0;
  }
  const nghttp2_data_provider body{{.ptr = nullptr}, Callbacks::read};
  return nghttp2_submit_response(session_, id, fields.data(), fields.size(), last ? nullptr : &body) == 0;
}

void Http2Session::resume(uint32_t stream) {
  nghttp2_session_resume_data(session_, static_cast<int32_t>(stream));
}

void Http2Session::reset(uint32_t stream, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream), code);
}

void Http2Session::forget(uint32_t stream, bool cut) {
  const auto id = static_cast<int32_t>(stream);
  const uintptr_t bits = bits_of(session_, id);
  if ((bits & kOpen) == 0) return;
  --open_;
  if ((bits & kStarved) != 0) std::erase(starved_, stream);
  set_bits(session_, id, 0);
  if (cut) return reset(stream, NGHTTP2_CANCEL);
  if ((bits & kEnded) == 0) reset(stream, NGHTTP2_NO_ERROR);
}

void Http2Session::go_away() {
  if (session_ == nullptr || fault_ != Http2Fault::none) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2Session::serve_starved() {
  small_ = true;
}

}  // namespace ringcast::codec
