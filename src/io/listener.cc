// SPDX-License-Identifier: Apache-2.0
#include "io/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace ringcast::io {
namespace {

constexpr auto kInUseLookAgain = std::chrono::milliseconds(20);

tl::unexpected<Error> listen_error(const SocketAddress& address, std::string_view step, int error) {
  char buffer[128];
  std::string text = "listening on " + address.to_string() + ": " + std::string(step) + ": " +
                     strerror_r(error, buffer, sizeof buffer);
  const char* code = "listen_failed";
  switch (error) {
    case EADDRINUSE:
      code = "address_in_use";
      text += address.family() == AF_UNIX
                  ? " (another process listens there, or the file is not a socket; remove it or choose another path)"
                  : " (another process has this port: `ss -ltnp` shows it; stop it or choose "
                    "another port)";
      break;
    case EACCES:
      code = "address_forbidden";
      text += address.family() == AF_UNIX
                  ? " (the directory must be writable for this user)"
                  : " (ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE; choose a higher one)";
      break;
    case EADDRNOTAVAIL:
      code = "address_not_available";
      text += " (no interface of this machine has this address: `ip address` lists them)";
      break;
    case EAFNOSUPPORT:
      code = "address_family";
      text += " (IPv6 is disabled on this machine; name an IPv4 address, such as 0.0.0.0)";
      break;
    case ENOENT: text += " (the directory does not exist)"; break;
    case EMFILE: text += " (raise the limit of open files: ulimit -n, or LimitNOFILE of the service)"; break;
    default: break;
  }
  return fail(code, std::move(text));
}

bool set(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// All inherited by accepted sockets (tcp(7), and seen to hold on 6.x).
void set_inherited_options(int fd, const SocketAddress& address, const ListenerOptions& options) {
  if (options.send_buffer_bytes > 0) set(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes / 2);
  if (address.family() == AF_UNIX) return;
  if (options.no_delay) set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.user_timeout.count() > 0) {
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout.count()));
  }
  if (options.keepalive) {
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.keepalive_idle.count()));
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.keepalive_interval.count()));
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_probes);
  }
  if (options.not_sent_low_water_bytes > 0) {
    set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, options.not_sent_low_water_bytes);
  }
}

// A socket file outlives its process. It may be removed only when nobody answers there and it is a socket at all.
bool remove_stale_socket(const SocketAddress& address) {
  const char* path = reinterpret_cast<const sockaddr_un*>(address.data())->sun_path;
  struct stat status {};
  if (::lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe || ::connect(probe.get(), address.data(), address.size()) == 0 || errno != ECONNREFUSED) return false;
  return ::unlink(path) == 0;
}

Result<UniqueFd> open_unix(const SocketAddress& address, const ListenerOptions& options) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return listen_error(address, "socket", errno);
  set_inherited_options(fd.get(), address, options);
  int bound = ::bind(fd.get(), address.data(), address.size());
  if (bound != 0 && errno == EADDRINUSE) {
    if (!remove_stale_socket(address)) return listen_error(address, "bind", EADDRINUSE);
    bound = ::bind(fd.get(), address.data(), address.size());
  }
  if (bound != 0) return listen_error(address, "bind", errno);
  const char* path = reinterpret_cast<const sockaddr_un*>(address.data())->sun_path;
  if (path[0] != '\0' && ::chmod(path, options.unix_mode) != 0) return listen_error(address, "chmod", errno);
  return fd;
}

// Two listeners with SO_REUSEPORT share clients without a word; one without it cannot be bound beside them.
Result<void> check_unused(const SocketAddress& address) {
  const UniqueFd probe(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return listen_error(address, "socket", errno);
  set(probe.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) set(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(probe.get(), address.data(), address.size()) != 0) return listen_error(address, "bind", errno);
  return {};
}

Result<UniqueFd> open_inet(const SocketAddress& address, const ListenerOptions& options) {
  if (options.alone && address.port() != 0) {
    if (auto unused = check_unused(address); !unused) return tl::unexpected<Error>(std::move(unused.error()));
  }
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return listen_error(address, "socket", errno);
  // Without it a restart fails for a minute, as long as old connections are in TIME_WAIT.
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.reuse_port && !set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) {
    return listen_error(address, "SO_REUSEPORT", errno);
  }
  // [::] takes IPv4 too, whatever net.ipv6.bindv6only says.
  if (address.family() == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_inherited_options(fd.get(), address, options);
  if (::bind(fd.get(), address.data(), address.size()) != 0) return listen_error(address, "bind", errno);
  return fd;
}

// Without touching the file, on which another process may be listening.
Result<void> check_unix(const SocketAddress& address) {
  const std::string path = reinterpret_cast<const sockaddr_un*>(address.data())->sun_path;
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return listen_error(address, "bind", errno);
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
    return listen_error(address, "bind", EADDRINUSE);
  }
  return {};
}

Result<void> check_inet(const SocketAddress& address) {
  auto unused = check_unused(address);
  if (!unused && unused.error().code == "address_in_use") return {};
  return unused;
}

// "*" where IPv6 is switched off: all of IPv4 is what remains of it.
bool is_any_v6(const SocketAddress& address) {
  return address.family() == AF_INET6 &&
         IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr);
}

bool lacks_v6(const SocketAddress& address, const Error& error) {
  return is_any_v6(address) && (error.code == "address_family" || error.code == "address_not_available");
}

SocketAddress any_v4(uint16_t port) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  return SocketAddress::from(reinterpret_cast<const sockaddr*>(&any), sizeof any);
}

Result<UniqueFd> open_listener_once(const SocketAddress& address, const ListenerOptions& options) {
  auto fd = address.family() == AF_UNIX ? open_unix(address, options) : open_inet(address, options);
  if (!fd && lacks_v6(address, fd.error())) fd = open_inet(any_v4(address.port()), options);
  if (fd && ::listen(fd->get(), options.backlog) != 0) return listen_error(address, "listen", errno);
  return fd;
}

}  // namespace

Result<UniqueFd> open_listener(const SocketAddress& address, const ListenerOptions& options) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + options.in_use_patience;
  for (;;) {
    auto listener = open_listener_once(address, options);
    if (listener || listener.error().code != "address_in_use" || Clock::now() >= end) return listener;
    std::this_thread::sleep_for(kInUseLookAgain);
  }
}

SocketFile::SocketFile(const SocketAddress& address) {
  if (address.family() != AF_UNIX) return;
  const char* path = reinterpret_cast<const sockaddr_un*>(address.data())->sun_path;
  struct stat status {};
  if (path[0] == '\0' || ::lstat(path, &status) != 0) return;
  path_ = path;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile::~SocketFile() {
  struct stat status {};
  if (path_.empty() || ::lstat(path_.c_str(), &status) != 0) return;
  if (S_ISSOCK(status.st_mode) && status.st_dev == device_ && status.st_ino == inode_) ::unlink(path_.c_str());
}

Result<void> check_listener(const SocketAddress& address) {
  if (address.family() == AF_UNIX) return check_unix(address);
  auto checked = check_inet(address);
  if (!checked && lacks_v6(address, checked.error())) checked = check_inet(any_v4(address.port()));
  return checked;
}

SocketAddress local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return SocketAddress::from(reinterpret_cast<const sockaddr*>(&storage), size);
}

int send_buffer_of(int fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
  return bytes;
}

}  // namespace ringcast::io
