// SPDX-License-Identifier: Apache-2.0
#include "session/static_files.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/keyed_hash.h"
#include "wire/http_syntax.h"

namespace ringcast::session {

namespace {

constexpr struct {
  std::string_view extension;
  std::string_view type;
} kTypes[] = {
    {"css", "text/css; charset=utf-8"},
    {"gif", "image/gif"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
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
      if (wire::equal_ignoring_case(extension, known)) return type;
    }
  }
  return "application/octet-stream";
}

Result<void> StaticFiles::add_directory(const std::string& directory, std::string_view prefix) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(directory, error)) return fail("not_found", directory + ": no such directory");
  fs::recursive_directory_iterator entry(directory, error);
  if (error) return fail("io_error", directory + ": " + error.message());
  for (const fs::recursive_directory_iterator end; entry != end; entry.increment(error)) {
    if (error) return fail("io_error", directory + ": " + error.message());
    if (entry->path().filename().string().starts_with('.')) {
      if (entry->is_directory(error)) entry.disable_recursion_pending();
      continue;
    }
    if (entry->is_symlink(error) || !entry->is_regular_file(error)) continue;
    const uint64_t size = entry->file_size(error);
    if (error) return fail("io_error", entry->path().string() + ": " + error.message());
    if (files_.size() >= kStaticFilesMax || bytes_ + size > kStaticBytesMax) {
      return fail("too_large", directory + ": more than " + std::to_string(kStaticFilesMax) + " files or " +
                                   std::to_string(kStaticBytesMax >> 20) + " MiB");
    }
    std::ifstream file(entry->path(), std::ios::binary);
    std::string body(std::istreambuf_iterator<char>(file), {});
    if (!file.good() && !file.eof()) return fail("io_error", entry->path().string() + ": cannot be read");
    const std::string name = entry->path().lexically_relative(directory).generic_string();
    add(std::string(prefix) + name, name, std::move(body));
  }
  return {};
}

void StaticFiles::add(std::string path, std::string_view name, std::string body) {
  StaticFile file;
  file.content_type = content_type_of(name);
  file.etag = etag_of(body);
  const size_t size = body.size();
  file.body = std::move(body);
  if (files_.try_emplace(std::move(path), std::move(file)).second) bytes_ += size;
}

const StaticFile* StaticFiles::find(std::string_view path) const {
  const auto it = path.ends_with('/') ? files_.find(std::string(path) + "index.html") : files_.find(path);
  return it == files_.end() ? nullptr : &it->second;
}

bool etag_matches(std::string_view if_none_match, std::string_view etag) {
  if (wire::trim_blanks(if_none_match) == "*") return true;
  std::string_view element;
  while (wire::next_list_element(if_none_match, element)) {
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element == etag) return true;
  }
  return false;
}

}  // namespace ringcast::session
