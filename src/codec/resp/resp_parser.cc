// SPDX-License-Identifier: Apache-2.0
#include "codec/resp/resp_parser.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace ringcast::codec {

namespace {
// A head is a type and a number, or a short text; errors may say more.
constexpr size_t kLineMax = 64 << 10;
constexpr size_t kKeptBytes = 64 << 10;

bool parse_number(std::string_view text, int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}
}  // namespace

RespType RespValue::type() const {
  return reply_->nodes_[index_].type;
}

std::string_view RespValue::text() const {
  const RespReply::Node& node = reply_->nodes_[index_];
  if (node.type != RespType::simple && node.type != RespType::error && node.type != RespType::bulk) return {};
  return reply_->bytes_.substr(static_cast<size_t>(node.integer), node.length);
}

int64_t RespValue::integer() const {
  const RespReply::Node& node = reply_->nodes_[index_];
  return node.type == RespType::integer ? node.integer : 0;
}

uint32_t RespValue::size() const {
  return reply_->nodes_[index_].size;
}

RespValue RespValue::operator[](uint32_t at) const {
  RINGCAST_ASSERT(at < size());
  uint32_t index = index_ + 1;
  for (; at != 0; --at) index = reply_->nodes_[index].next;
  return {*reply_, index};
}

RespValue RespValue::next() const {
  return {*reply_, reply_->nodes_[index_].next};
}

void RespParser::append(std::string_view bytes) {
  if (done_) {  // nothing of it is asked for any more
    buffer_.erase(0, at_);
    if (buffer_.empty() && buffer_.capacity() > kKeptBytes) std::string().swap(buffer_);
    begin_ = at_ = line_from_ = 0;
    done_ = false;
    reply_.nodes_.clear();
  }
  buffer_.append(bytes);
}

RespParser::Status RespParser::next() {
  if (broken_) return Status::broken;
  if (done_) {
    done_ = false;
    reply_.nodes_.clear();
    begin_ = at_;
  }
  do {
    switch (take_value()) {
      case Step::value: break;
      case Step::need_more:
        if (buffered() > limits_.reply_bytes_max) {
          broken("a reply is too large");
          return Status::broken;
        }
        return Status::need_more;
      case Step::broken: return Status::broken;
    }
  } while (!open_.empty());
  done_ = true;
  reply_.bytes_ = std::string_view(buffer_).substr(begin_, at_ - begin_);
  return Status::reply;
}

RespParser::Step RespParser::broken(std::string_view why) {
  broken_ = true;
  why_ = why;
  return Step::broken;
}

bool RespParser::take_line(std::string_view& line) {
  const std::string_view all(buffer_);
  const size_t end = all.find("\r\n", std::max(line_from_, at_));
  if (end == std::string_view::npos) {
    line_from_ = all.size() > at_ ? all.size() - 1 : at_;  // the last byte may be half of an end
    return false;
  }
  line = all.substr(at_, end - at_);
  return true;
}

void RespParser::settle() {
  while (!open_.empty() && --open_.back().missing == 0) {
    reply_.nodes_[open_.back().node].next = static_cast<uint32_t>(reply_.nodes_.size());
    open_.pop_back();
  }
}

RespParser::Step RespParser::take_value() {
  std::string_view line;
  if (!take_line(line)) return buffer_.size() - at_ > kLineMax ? broken("a line is too long") : Step::need_more;
  if (line.empty()) return broken("an empty line");
  if (line.size() > kLineMax) return broken("a line is too long");
  if (reply_.nodes_.size() == limits_.values_max) return broken("a reply has too many values");
  const char type = line[0];
  const size_t text_at = at_ + 1;
  const size_t behind = at_ + line.size() + 2;
  line.remove_prefix(1);
  RespReply::Node node{};
  node.next = static_cast<uint32_t>(reply_.nodes_.size()) + 1;
  int64_t number = 0;
  switch (type) {
    case '+':
    case '-':
      node.type = type == '+' ? RespType::simple : RespType::error;
      node.integer = static_cast<int64_t>(text_at - begin_);
      node.length = line.size();
      at_ = behind;
      break;
    case ':':
      if (!parse_number(line, number)) return broken("not a number");
      node.type = RespType::integer;
      node.integer = number;
      at_ = behind;
      break;
    case '$':
      if (!parse_number(line, number) || number < -1) return broken("not a length");
      if (number > static_cast<int64_t>(limits_.reply_bytes_max)) return broken("a reply is too large");
      node.type = number < 0 ? RespType::null : RespType::bulk;
      if (number >= 0) {
        node.integer = static_cast<int64_t>(behind - begin_);
        node.length = static_cast<size_t>(number);
        if (buffer_.size() < behind + node.length + 2) return Step::need_more;
        if (std::string_view(buffer_).substr(behind + node.length, 2) != "\r\n") return broken("a text without an end");
        at_ = behind + node.length + 2;
      } else {
        at_ = behind;
      }
      break;
    case '*':
      if (!parse_number(line, number) || number < -1) return broken("not a length");
      if (number > limits_.values_max) return broken("a reply has too many values");
      if (open_.size() == limits_.depth_max) return broken("a reply is nested too deeply");
      node.type = number < 0 ? RespType::null : RespType::array;
      node.size = number < 0 ? 0 : static_cast<uint32_t>(number);
      at_ = behind;
      break;
    default: return broken("an unknown type");
  }
  line_from_ = at_;
  if (at_ - begin_ > limits_.reply_bytes_max) return broken("a reply is too large");
  reply_.nodes_.push_back(node);
  if (node.size != 0) {
    open_.push_back({static_cast<uint32_t>(reply_.nodes_.size()) - 1, node.size});
  } else {
    settle();
  }
  return Step::value;
}

void append_resp_command(std::string& out, uint32_t words) {
  out += '*';
  out += std::to_string(words);
  out += "\r\n";
}

void append_resp_word(std::string& out, std::string_view word) {
  out += '$';
  out += std::to_string(word.size());
  out += "\r\n";
  out += word;
  out += "\r\n";
}

void append_resp_word(std::string& out, uint64_t number) {
  append_resp_word(out, std::string_view(std::to_string(number)));
}

}  // namespace ringcast::codec
