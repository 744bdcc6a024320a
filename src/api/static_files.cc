// SPDX-License-Identifier: Apache-2.0
#include "api/static_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <utility>

#include "base/keyed_hash.h"
#include "codec/http1/http_response.h"
#include "codec/http1/http_syntax.h"

namespace ringcast::session {

namespace {

constexpr size_t kFilesKept = 4096;

// Closes at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    const int error = errno;  // of what is said about it
    if (fd_ >= 0) ::close(fd_);
    errno = error;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

constexpr struct {
  std::string_view extension;
  std::string_view type;
} kTypes[] = {
    {"avif", "image/avif"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"ogg", "audio/ogg"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
};

// The tag only has to change with the content; a fixed key gives the same one on every core and after a restart.
std::string etag_of(std::string_view body) {
  const uint64_t hash = siphash_1_3(HashKey{}, body);
  char text[24];
  const int length = std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(hash));
  return {text, static_cast<size_t>(length)};
}

}  // namespace

std::string_view content_type_of(std::string_view file_name) {
  const size_t dot = file_name.rfind('.');
  if (dot != std::string_view::npos) {
    const std::string_view extension = file_name.substr(dot + 1);
    for (const auto& [known, type] : kTypes) {
      if (codec::equal_ignoring_case(extension, known)) return type;
    }
  }
  return "application/octet-stream";
}

Result<void> StaticFiles::add_directory(const std::string& directory, std::string_view prefix) {
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return fail("not_found", directory + ": no such directory");
    return fail_errno(directory + " cannot be read", errno);
  }
  directories_.push_back({directory, std::string(prefix)});
  return {};
}

void StaticFiles::add(std::string path, std::string_view name, std::string body) {
  StaticFile file;
  file.content_type = content_type_of(name);
  file.etag = etag_of(body);
  file.body = std::move(body);
  file.built_in = true;
  files_.try_emplace(std::move(path), std::move(file));
}

const StaticFile* StaticFiles::find(std::string_view path) const {
  const auto it = path.ends_with('/') ? files_.find(std::string(path) + "index.html") : files_.find(path);
  return it == files_.end() ? nullptr : &it->second;
}

namespace {

// Opens what lies below a directory, step by step, so that no link and no ".." leads out of it. -1: errno says why.
Descriptor open_below(const std::string& directory, std::string_view name) {
  Descriptor at(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string step;
  while (at.get() >= 0) {
    step = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(name.size(), step.size() + 1));
    if (step.empty() || step.front() == '.' || step.find('\0') != std::string::npos) {
      errno = ENOENT;
      return Descriptor(-1);
    }
    // A FIFO or a device would be waited for.
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    Descriptor next(::openat(at.get(), step.c_str(), name.empty() ? flags : O_PATH | O_DIRECTORY | flags));
    if (name.empty() || next.get() < 0) return next;
    at = std::move(next);
  }
  return at;
}

bool same_state(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

bool is_absence(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG || error == ENXIO;
}

// At most what it had when it was looked at: it may be growing.
bool read_all(int fd, uint64_t size, std::string& body) {
  body.resize(size);
  size_t at = 0;
  while (at < body.size()) {
    const ssize_t got = ::read(fd, body.data() + at, body.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    at += static_cast<size_t>(got);
  }
  body.resize(at);
  return true;
}

}  // namespace

FoundFile FileCache::get(std::string_view path) {
  FoundFile found;
  const bool is_index = path.ends_with('/');
  std::string name;
  for (const StaticFiles::Directory& directory : files_.directories()) {
    if (!path.starts_with(directory.prefix)) continue;
    name = path.substr(directory.prefix.size());
    if (is_index) name += "index.html";
    found = read(directory, name);
    if (found.kind != FoundFile::Kind::missing) return found;
  }
  // Not owned: what is built in lives as long as the process.
  const StaticFile* const built_in = files_.find(path);
  if (built_in != nullptr) return {FoundFile::Kind::file, {std::shared_ptr<void>(), built_in}, 0};
  return found;
}

FoundFile FileCache::read(const StaticFiles::Directory& directory, std::string_view name) {
  using Kind = FoundFile::Kind;
  const Descriptor fd = open_below(directory.path, name);
  if (fd.get() < 0) return is_absence(errno) ? FoundFile{} : FoundFile{Kind::unreadable, {}, errno};
  struct stat state {};
  if (::fstat(fd.get(), &state) != 0) return {Kind::unreadable, {}, errno};
  if (S_ISDIR(state.st_mode)) {
    const Descriptor index = open_below(directory.path, std::string(name) + "/index.html");
    return {index.get() < 0 ? Kind::missing : Kind::directory, {}, 0};
  }
  if (!S_ISREG(state.st_mode)) return {};
  const auto size = static_cast<uint64_t>(state.st_size);
  if (size > file_bytes_max_) return {Kind::too_large, {}, 0};

  std::string path = directory.path + "/";
  path += name;
  if (const auto at = by_path_.find(path); at != by_path_.end()) {
    const Order::iterator kept = at->second;
    if (same_state(kept->state, state)) {
      order_.splice(order_.begin(), order_, kept);
      return {Kind::file, kept->file, 0};
    }
    forget(kept);
  }
  auto file = std::make_shared<StaticFile>();
  if (!read_all(fd.get(), size, file->body)) return {Kind::unreadable, {}, errno};
  file->content_type = content_type_of(name);
  file->etag = etag_of(file->body);
  file->last_modified = codec::http_date_of(static_cast<uint64_t>(std::max<time_t>(0, state.st_mtim.tv_sec)));
  if (file->body.size() == size) keep(std::move(path), state, file);
  return {Kind::file, std::move(file), 0};
}

void FileCache::keep(std::string path, const struct stat& state, std::shared_ptr<const StaticFile> file) {
  if (file->body.size() > bytes_max_) return;
  bytes_ += file->body.size();
  order_.push_front({std::move(path), state, std::move(file)});
  by_path_[order_.front().path] = order_.begin();
  while (bytes_ > bytes_max_ || order_.size() > kFilesKept) forget(std::prev(order_.end()));
}

void FileCache::forget(Order::iterator kept) {
  bytes_ -= kept->file->body.size();
  by_path_.erase(kept->path);
  order_.erase(kept);
}

bool etag_matches(std::string_view if_none_match, std::string_view etag) {
  if (codec::trim_blanks(if_none_match) == "*") return true;
  std::string_view element;
  while (codec::next_list_element(if_none_match, element)) {
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element == etag) return true;
  }
  return false;
}

ByteRange parse_range(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  using Kind = ByteRange::Kind;
  if (!field.starts_with(kUnit)) return {};
  field.remove_prefix(kUnit.size());
  const size_t dash = field.find('-');
  if (dash == std::string_view::npos || field.find(',') != std::string_view::npos) return {};
  const auto number = [](std::string_view text, uint64_t& to) {
    text = codec::trim_blanks(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size();
  };
  uint64_t first = 0, last = 0;
  const bool has_first = number(field.substr(0, dash), first), has_last = number(field.substr(dash + 1), last);
  if (!has_first && codec::trim_blanks(field.substr(0, dash)).empty()) {
    if (!has_last) return {};
    if (last == 0 || size == 0) return {Kind::unsatisfiable, 0, 0};
    last = std::min(last, size);
    return {Kind::part, size - last, last};
  }
  const bool open = codec::trim_blanks(field.substr(dash + 1)).empty();
  if (!has_first || (!has_last && !open) || (has_last && last < first)) return {};
  if (first >= size) return {Kind::unsatisfiable, 0, 0};
  last = has_last ? std::min(last, size - 1) : size - 1;
  return {Kind::part, first, last - first + 1};
}

}  // namespace ringcast::session
