// SPDX-License-Identifier: Apache-2.0
#include "codec/sse/sse_parser.h"

#include <charconv>

namespace ringcast::codec {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The first '\r' or '\n'. Two memchr(): find_first_of() asks for each byte whether it is one of a set.
size_t line_end(std::string_view input) {
  const size_t lf = input.find('\n');
  const size_t cr = input.substr(0, lf).find('\r');
  return cr == std::string_view::npos ? lf : cr;
}

}  // namespace

SseParser::Status SseParser::next(std::string_view& input) {
  if (has_dispatched_) {
    has_dispatched_ = false;
    data_.clear();
    type_.clear();
  }
  while (!too_large_ && !input.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (input.front() == '\n') {
        input.remove_prefix(1);
        continue;
      }
    }
    const size_t end = line_end(input);
    const std::string_view part = input.substr(0, end);
    if (line_.size() + part.size() + data_.size() > event_bytes_max_) {
      too_large_ = true;
      break;
    }
    if (end == std::string_view::npos) {
      line_ += part;
      input = {};
      break;
    }
    after_cr_ = input[end] == '\r';
    input.remove_prefix(end + 1);
    bool dispatched;
    if (line_.empty()) {
      dispatched = take_line(part);
    } else {
      line_ += part;
      dispatched = take_line(line_);
      line_.clear();
    }
    if (dispatched) {
      has_dispatched_ = true;
      return Status::event;
    }
  }
  return too_large_ ? Status::too_large : Status::need_more;
}

bool SseParser::take_line(std::string_view line) {
  if (at_start_) {
    at_start_ = false;
    if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    last_event_id_ = id_;
    if (data_.empty()) {
      type_.clear();
      return false;
    }
    data_.pop_back();
    event_ = {type_.empty() ? std::string_view("message") : std::string_view(type_), data_, last_event_id_};
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == 0) {
    ++comments_;
    return false;
  }
  std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(line.substr(0, colon), value);
  return false;
}

void SseParser::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_.append(value).append(1, '\n');
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_ = value;
  } else if (name == "retry") {
    uint64_t milliseconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (!value.empty() && error == std::errc{} && end == value.data() + value.size()) retry_ms_ = milliseconds;
  }
}

void SseParser::reconnect() {
  line_.clear();
  data_.clear();
  type_.clear();
  id_ = last_event_id_;
  event_ = {};
  at_start_ = true;
  after_cr_ = has_dispatched_ = too_large_ = false;
}

}  // namespace ringcast::codec
