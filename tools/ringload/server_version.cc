// SPDX-License-Identifier: Apache-2.0
#include "server_version.h"

#include <poll.h>
#include <simdjson.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "codec/http1/http_response_parser.h"
#include "io/unique_fd.h"

namespace ringcast::ringload {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(1);
constexpr size_t kBodyMax = 1024 * 1024;
constexpr size_t kTextMax = 100;
constexpr std::string_view kUnknown = "unknown";

bool ready(int socket, short events, Clock::time_point end) {
  pollfd wait{.fd = socket, .events = events, .revents = 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return left > 0 && ::poll(&wait, 1, static_cast<int>(left)) == 1;
}

// What a stranger sends is shown to people: one line of plain text.
std::string plain(std::string_view text) {
  std::string out(text.substr(0, kTextMax));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

std::string described(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  std::string_view title;
  std::string_view version;
  if (parser.parse(body).get(document) != simdjson::SUCCESS ||
      document.at_pointer("/info/title").get(title) != simdjson::SUCCESS ||
      document.at_pointer("/info/version").get(version) != simdjson::SUCCESS)
    return {};
  return plain(std::string(title) + " " + std::string(version));
}

}  // namespace

std::string ask_server_version(const io::SocketAddress& address, std::string_view host,
                               const std::vector<std::pair<std::string, std::string>>& headers) {
  const auto end = Clock::now() + kPatience;
  const io::UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return std::string(kUnknown);
  if (::connect(socket.get(), address.data(), address.size()) != 0 &&
      (errno != EINPROGRESS || !ready(socket.get(), POLLOUT, end)))
    return std::string(kUnknown);
  std::string request = "GET /openapi.json HTTP/1.1\r\nHost: " + std::string(host) + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) request.append(name).append(": ").append(value).append("\r\n");
  request += "\r\n";
  // A new connection takes as many bytes at once.
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return std::string(kUnknown);

  codec::HttpResponseParser parser({.body_max = kBodyMax});
  std::string server;
  std::string body;
  std::array<uint8_t, 16 * 1024> buffer;
  const auto found = [&] {
    const std::string api = described(body);
    return !api.empty() ? api : !server.empty() ? server : std::string(kUnknown);
  };
  while (ready(socket.get(), POLLIN, end)) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    std::span<const uint8_t> input(buffer.data(), static_cast<size_t>(got));
    std::span<const uint8_t> data;
    for (;;) {
      const codec::HttpResponseEvent event = parser.next(input, data);
      if (event == codec::HttpResponseEvent::need_more) break;
      if (event == codec::HttpResponseEvent::headers_complete)
        server = plain(parser.response().headers.find_or("Server", ""));
      if (event == codec::HttpResponseEvent::body) body.append(reinterpret_cast<const char*>(data.data()), data.size());
      if (event == codec::HttpResponseEvent::complete || event == codec::HttpResponseEvent::error ||
          body.size() > kBodyMax)
        return found();
    }
  }
  return found();
}

}  // namespace ringcast::ringload
