// SPDX-License-Identifier: Apache-2.0
#include "sse_client.h"

namespace ringcast::simulation {

void SseClient::on_connected() {
  response_ = std::make_unique<codec::HttpResponseParser>();
  std::string request = "GET " + stream_.ask();
  request += random().percent(80) ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  request += "Host: sim\r\nAccept: text/event-stream\r\n";
  if (!stream_.last_event_id().empty()) request += "Last-Event-ID: " + stream_.last_event_id() + "\r\n";
  send(request + "\r\n");
}

void SseClient::on_bytes(std::span<uint8_t> bytes) {
  std::span<const uint8_t> input = bytes;
  std::span<const uint8_t> data;
  for (;;) {
    switch (response_->next(input, data)) {
      case codec::HttpResponseEvent::need_more: return;
      case codec::HttpResponseEvent::error: violated("http", response_->error().message);
      case codec::HttpResponseEvent::headers_complete:
        stream_.answered(response_->response().status);
        if (response_->response().status == 204) return cut(false);
        break;
      case codec::HttpResponseEvent::body:
        stream_.take({reinterpret_cast<const char*>(data.data()), data.size()});
        break;
      case codec::HttpResponseEvent::complete: return stream_.completed();
    }
    if (pipe_ == nullptr) return;
  }
}

void SseClient::do_something() {
  const uint64_t choice = random().below(100);
  if (choice < 12) {
    note("stops reading");
    return set_reading(false);
  }
  if (choice < 60) return set_reading(true);
  if (choice < 75) cut(random().percent(50));
}

}  // namespace ringcast::simulation
