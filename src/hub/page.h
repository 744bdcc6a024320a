// SPDX-License-Identifier: Apache-2.0
// The first rows in order of their names, of those that are offered in any order: what a list keeps while it is put
// together. One list's.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/types.h"

namespace ringcast::hub {

class Page {
 public:
  // Rows after `after`, or from the first one on when it is empty; at most `limit`.
  Page(std::string after, uint32_t limit) : after_(std::move(after)), limit_(limit) {}

  const std::string& after() const { return after_; }
  // Whether a row of this name has a place, as far as is known; asked first, since most rows of a long list have none.
  bool takes(std::string_view name) {
    if (!after_.empty() && name <= after_) return false;
    if (rows_.size() < limit_) return true;
    if (limit_ != 0 && name <= rows_.rbegin()->name) return true;
    more_ = true;
    return false;
  }
  // Of two rows with the same name the later one stays.
  void add(Row row) {
    const auto at = rows_.lower_bound(row.name);
    if (at != rows_.end() && at->name == row.name) {
      rows_.insert(rows_.erase(at), std::move(row));
      return;
    }
    rows_.insert(at, std::move(row));
    if (rows_.size() <= limit_) return;
    rows_.erase(std::prev(rows_.end()));
    more_ = true;
  }
  uint32_t limit() const { return limit_; }
  bool more() const { return more_; }  // there are rows behind the last one
  std::vector<Row> take() {
    std::vector<Row> rows;
    rows.reserve(rows_.size());
    while (!rows_.empty()) rows.push_back(std::move(rows_.extract(rows_.begin()).value()));
    return rows;
  }

 private:
  struct ByName {
    using is_transparent = void;
    bool operator()(const Row& a, const Row& b) const { return a.name < b.name; }
    bool operator()(const Row& a, std::string_view b) const { return a.name < b; }
    bool operator()(std::string_view a, const Row& b) const { return a < b.name; }
  };
  std::string after_;
  uint32_t limit_;
  bool more_ = false;
  std::set<Row, ByName> rows_;
};

}  // namespace ringcast::hub
