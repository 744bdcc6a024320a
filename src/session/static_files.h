// SPDX-License-Identifier: Apache-2.0
// The page and its files, read into memory at start: what is served is what was there then, and no request ever waits
// for a disk. Made by the main thread, read-only afterwards; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::session {

struct StaticFile {
  std::string content_type;
  std::string etag;  // with its quotes
  std::string body;
};

inline constexpr uint64_t kStaticBytesMax = 64 << 20;
inline constexpr size_t kStaticFilesMax = 4096;

std::string_view content_type_of(std::string_view file_name);

class StaticFiles {
 public:
  // Adds a directory's files under `prefix` ("/" or "/static/"); what is there already stays. Hidden files, links and
  // anything that is no regular file are left out. Codes: not_found, too_large, io_error.
  Result<void> add_directory(const std::string& directory, std::string_view prefix);
  void add(std::string path, std::string_view name, std::string body);

  // `path` is decoded. A path that ends in '/' means its index.html.
  const StaticFile* find(std::string_view path) const;
  size_t size() const { return files_.size(); }

 private:
  std::map<std::string, StaticFile, std::less<>> files_;
  uint64_t bytes_ = 0;
};

// Whether an If-None-Match field (RFC 9110 section 13.1.2) names this entity tag; weak comparison.
bool etag_matches(std::string_view if_none_match, std::string_view etag);

}  // namespace ringcast::session
