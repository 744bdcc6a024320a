// SPDX-License-Identifier: Apache-2.0
// Files that are served: those built into the program, and directories of the operator's, whose files are read when
// they are asked for, so that an edit is seen with the next request. What was read is kept as long as the file has not
// changed and there is room. StaticFiles is made by the main thread and read-only afterwards, any thread; a FileCache
// belongs to one core.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::session {

struct StaticFile {
  std::string content_type;
  std::string etag;           // with its quotes
  std::string last_modified;  // an HTTP date; empty for what is built in
  std::string body;
  bool built_in = false;
};

std::string_view content_type_of(std::string_view file_name);

class StaticFiles {
 public:
  struct Directory {
    std::string path;
    std::string prefix;  // "/" or "/static/"
  };

  // Serves a directory's files below `prefix`; those added first are looked at first, and all before what is built in.
  // Codes: not_found, io_error.
  [[nodiscard]] Result<void> add_directory(const std::string& directory, std::string_view prefix);
  void add(std::string path, std::string_view name, std::string body);

  // Of those built in. `path` is decoded. A path that ends in '/' means its index.html.
  const StaticFile* find(std::string_view path) const;
  const std::vector<Directory>& directories() const { return directories_; }
  bool empty() const { return files_.empty() && directories_.empty(); }

 private:
  std::map<std::string, StaticFile, std::less<>> files_;
  std::vector<Directory> directories_;
};

// What a path leads to.
struct FoundFile {
  enum class Kind : uint8_t {
    missing,
    file,
    directory,   // of which there is an index.html: the path lacks its '/'
    too_large,   // than a file may be
    unreadable,  // `error` says why
  } kind = Kind::missing;
  std::shared_ptr<const StaticFile> file;
  int error = 0;
};

class FileCache {
 public:
  FileCache(const StaticFiles& files, uint64_t bytes_max, uint64_t file_bytes_max)
      : files_(files), bytes_max_(bytes_max), file_bytes_max_(file_bytes_max) {}

  // Reads the file unless it is kept and has not changed. Hidden files, links and what is no regular file are not
  // there: nothing outside of the directories is reached.
  FoundFile get(std::string_view path);
  uint64_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::string path;  // on the disk
    struct stat state;
    std::shared_ptr<const StaticFile> file;
  };
  using Order = std::list<Kept>;  // used last first
  FoundFile read(const StaticFiles::Directory& directory, std::string_view name);
  void keep(std::string path, const struct stat& state, std::shared_ptr<const StaticFile> file);
  void forget(Order::iterator kept);

  const StaticFiles& files_;
  uint64_t bytes_max_;
  uint64_t file_bytes_max_;
  Order order_;
  std::map<std::string, Order::iterator, std::less<>> by_path_;
  uint64_t bytes_ = 0;
};

// Whether an If-None-Match field (RFC 9110 section 13.1.2) names this entity tag; weak comparison.
bool etag_matches(std::string_view if_none_match, std::string_view etag);

// A Range field (RFC 9110 section 14.2) over `size` bytes, as far as it is one range of bytes.
struct ByteRange {
  enum class Kind : uint8_t { whole, part, unsatisfiable } kind = Kind::whole;
  uint64_t first = 0;
  uint64_t length = 0;
};
ByteRange parse_range(std::string_view field, uint64_t size);

}  // namespace ringcast::session
