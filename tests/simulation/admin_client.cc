// SPDX-License-Identifier: Apache-2.0
#include "admin_client.h"

#include "receiver.h"

namespace ringcast::simulation {

void AdminClient::on_connected() {
  response_ = std::make_unique<codec::HttpResponseParser>();
  waiting_ = false;
  publisher_ = ++world_.publishers;
  sequence_ = 0;
  note("connects");
}

void AdminClient::request(std::string_view method, const std::string& target, const std::string& body) {
  asked_ = std::string(method) + ' ' + target;
  note(asked_);
  waiting_ = true;
  body_.clear();
  response_->reset();
  std::string bytes = asked_ + " HTTP/1.1\r\nHost: sim\r\n";
  if (!body.empty()) {
    bytes += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  send(bytes + "\r\n" + body);
}

void AdminClient::publish() {
  const std::string tenant = 't' + std::to_string(random().below(world_.tenants));
  const uint64_t kind = random().below(100);
  std::string room = 'r' + std::to_string(random().below(world_.rooms));
  std::string target = "\"room\":\"" + room + "\"";
  bool final = false;
  if (kind < 10) {
    const std::string user = 'u' + std::to_string(random().below(world_.users));
    room = '@' + user;
    target = "\"to\":\"" + user + "\"";
  } else if (kind < 20) {
    room = "*";
    target = "\"broadcast\":true";
  } else if (kind < 30) {
    final = true;
  }
  published_key_ = tenant + ':' + room;
  const bool once = random().percent(30);
  const uint64_t publisher = once ? ++world_.publishers : publisher_;
  published_content_ = content(published_key_, publisher, once ? 1 : ++sequence_);
  std::string body = "{" + target + ",\"user\":\"System\",\"content\":\"" + published_content_ + "\"";
  if (final) body += ",\"final\":true";
  if (once) body += ",\"idempotency_key\":\"k" + std::to_string(publisher) + '"';
  send_message(once, "/messages?tenant=" + tenant, body + "}");
}

void AdminClient::send_message(bool once, const std::string& target, const std::string& body) {
  sent_ = {once, target, body, published_key_, published_content_};
  request("POST", target, body);
}

void AdminClient::on_end() {
  if (waiting_ && sent_.once && !published_key_.empty()) again_ = sent_;
  waiting_ = false;
}

void AdminClient::do_something() {
  if (waiting_) {
    if (random().percent(2)) cut(random().percent(50));
    return;
  }
  published_key_.clear();
  if (again_ && random().percent(30)) {
    const Message message = *again_;
    if (random().percent(60)) again_.reset();
    published_key_ = message.key;
    published_content_ = message.content;
    return send_message(true, message.target, message.body);
  }
  const std::string query = "?tenant=t" + std::to_string(random().below(world_.tenants));
  const std::string room = 'r' + std::to_string(random().below(world_.rooms));
  const std::string user = 'u' + std::to_string(random().below(world_.users));
  const uint64_t choice = random().below(100);
  if (choice < 60) return publish();
  if (choice < 66) return request("DELETE", "/rooms/" + room + query);
  if (choice < 69) return request("POST", "/rooms/" + room + "/close" + query);
  if (choice < 74) return request("DELETE", "/users/" + user + "/connections" + query);
  if (choice < 79) return request("DELETE", "/rooms/" + room + "/members/" + user + query);
  if (choice < 83) return request("GET", "/rooms" + query);
  if (choice < 87) return request("GET", "/connections" + query);
  if (choice < 91) return request("GET", "/rooms/" + room + "/history" + query);
  if (choice < 95) return request("GET", "/stats" + query);
  cut(random().percent(50));
}

void AdminClient::on_bytes(std::span<uint8_t> bytes) {
  std::span<const uint8_t> input = bytes;
  std::span<const uint8_t> data;
  for (;;) {
    switch (response_->next(input, data)) {
      case codec::HttpResponseEvent::need_more: return;
      case codec::HttpResponseEvent::error: violated("http", response_->error().message);
      case codec::HttpResponseEvent::headers_complete: break;
      case codec::HttpResponseEvent::body: body_.append(reinterpret_cast<const char*>(data.data()), data.size()); break;
      case codec::HttpResponseEvent::complete: {
        const uint16_t status = response_->response().status;
        if (status == 408) return;  // the idle connection's end
        if (!waiting_) violated("http", "an answer that nobody asked for");
        waiting_ = false;
        note("is answered " + std::to_string(status));
        if (status == 503 && world_.draining()) {
          if (!published_key_.empty() && !sent_.once) world_.ledger.refused(published_content_);
          return;
        }
        if (status != 200 && status != 404) violated("http", asked_ + ": " + std::to_string(status) + ' ' + body_);
        if (published_key_.empty()) return;
        const auto id = json_number(body_, "event_id");
        if (!id) violated("ack", body_);
        world_.ledger.saw(published_key_, *id, published_content_);
        return;
      }
    }
  }
}

void AdminClient::check_at_rest() const {
  if (pipe_ != nullptr && waiting_) violated("stuck", name_ + " waits for " + asked_);
}

}  // namespace ringcast::simulation
