// SPDX-License-Identifier: Apache-2.0
#include "cluster/inquiries.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "hub/question_mail.h"

namespace ringcast::cluster {

namespace {

constexpr uint64_t kInquiryVersion = 1;
constexpr int64_t kMsNs = 1'000'000;
constexpr int64_t kCoresMax = 5000 * kMsNs;  // a core of this node that does not answer for so long is not waited for

// Numbers with a blank behind them, texts as "LENGTH:BYTES".
void put_part(std::string& out, uint64_t number) {
  out += std::to_string(number);
  out += ' ';
}
void put_part(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

class InquiryReader {
 public:
  explicit InquiryReader(std::string_view text) : rest_(text) {}
  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }
  uint64_t number() { return take(' '); }
  std::string_view text() {
    const uint64_t length = take(':');
    if (length > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return text;
  }

 private:
  uint64_t take(char end) {
    uint64_t number = 0;
    const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (read.ec != std::errc() || read.ptr == rest_.data() + rest_.size() || *read.ptr != end) ok_ = false;
    if (!ok_) return 0;
    rest_.remove_prefix(static_cast<size_t>(read.ptr - rest_.data()) + 1);
    return number;
  }
  std::string_view rest_;
  bool ok_ = true;
};

bool is_list(hub::QueryKind kind) {
  return kind == hub::QueryKind::rooms || kind == hub::QueryKind::users || kind == hub::QueryKind::connections;
}
bool is_about_connection(hub::QueryKind kind) {
  return kind == hub::QueryKind::disconnect || kind == hub::QueryKind::send_to_connection;
}

// A connection of another node in a list: behind all of the asked one's, whose names begin with hexadecimal digits.
std::string listed_name(uint64_t node, std::string_view name) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(node));
  return 'n' + std::string(digits) + '.' + std::string(name);
}
constexpr size_t kListedNode = 18;  // "nNODE."

}  // namespace

Inquiries::Inquiries(std::string prefix, uint64_t node, uint16_t cores, ConnectionNames names, Host& host)
    : prefix_(std::move(prefix)), node_(node), cores_(cores), names_(std::move(names)), host_(host) {}

void Inquiries::ask(uint16_t core, uint64_t gather, const hub::Query& query, bool reachable, int64_t now_ns) {
  const uint64_t question = ++last_;
  Own& own = own_[question];
  own.core = core;
  own.gather = gather;
  // What waits for a client's acknowledgement takes as long as that may.
  const bool waits = query.kind == hub::QueryKind::send_to_connection;
  own.until_ns = now_ns + kPatience.count() + (waits ? static_cast<int64_t>(query.after) * kMsNs : 0);
  own.answer.kind = query.kind;
  if (!reachable) return finish(question, 1);
  std::string text;
  put_part(text, kInquiryVersion);
  put_part(text, node_);
  put_part(text, question);
  put_part(text, static_cast<uint64_t>(query.kind));
  put_part(text, query.after);
  put_part(text, query.limit);
  for (const std::string_view part :
       {query.key, query.user, query.tenant, query.after_name, query.payload, query.connection})
    put_part(text, part);
  host_.publish(questions_channel(), text, question);
}

void Inquiries::on_heard(uint64_t question, uint64_t receivers) {
  const auto found = own_.find(question);
  if (found == own_.end()) return;
  found->second.others = receivers == 0 ? 0 : receivers - 1;  // this node hears it, too
  settle(question, found->second);
}

void Inquiries::settle(uint64_t question, Own& own) {
  const bool enough = is_about_connection(own.answer.kind) && own.answer.found;
  if (enough || (own.others && own.answered >= *own.others)) finish(question, 0);
}

void Inquiries::finish(uint64_t question, uint32_t silent) {
  const auto found = own_.find(question);
  Own own = std::move(found->second);
  own_.erase(found);
  own.answer.silent = silent;
  hub::RecordWriter out(scratch_);
  hub::write_answer(out, own.answer);
  host_.post_text(own.core, hub::answer_mail(own.answer, own.gather), scratch_);
}

void Inquiries::on_answer(std::string_view text) {
  InquiryReader in(text);
  if (in.number() != kInquiryVersion) return;
  const uint64_t question = in.number();
  const auto found = own_.find(question);
  if (!in.ok() || found == own_.end()) return;
  hub::Answer part{};
  const uint64_t flags = in.number();
  part.count = in.number();
  while (in.ok() && !in.done()) {
    hub::Row row;
    row.name = in.text();
    row.text = in.text();
    row.id = in.text();
    row.a = in.number();
    row.b = in.number();
    row.c = in.number();
    part.rows.push_back(std::move(row));
  }
  if (!in.ok() || part.rows.size() > kRowsMax) return;
  Own& own = found->second;
  ++own.answered;
  own.answer.found |= (flags & 1) != 0;
  own.answer.more |= (flags & 2) != 0;
  own.answer.count += part.count;
  std::move(part.rows.begin(), part.rows.end(), std::back_inserter(own.answer.rows));
  settle(question, own);
}

void Inquiries::on_question(std::string_view text, int64_t now_ns) {
  InquiryReader in(text);
  if (in.number() != kInquiryVersion) return;
  const uint64_t node = in.number();
  if (!in.ok() || node == node_) return;
  Others others;
  others.node = node;
  others.question = in.number();
  const uint64_t kind = in.number();
  hub::Query query{static_cast<hub::QueryKind>(kind)};
  query.after = in.number();
  const uint64_t limit = in.number();
  for (std::string_view* const part :
       {&query.key, &query.user, &query.tenant, &query.after_name, &query.payload, &query.connection})
    *part = in.text();
  const bool known = kind <= static_cast<uint64_t>(hub::QueryKind::send_to_connection);
  if (!in.ok() || !known || others_.size() >= kOthersMax) return;
  query.limit = static_cast<uint32_t>(std::min<uint64_t>(limit, kRowsMax));
  others.limit = query.limit;
  others.answer.kind = query.kind;
  others.until_ns = now_ns + kCoresMax;
  const uint64_t handle = ++last_;
  std::string after;
  if (is_list(query.kind)) {
    if (query.kind == hub::QueryKind::connections && !query.after_name.empty()) {
      // Lists go through the asked node's connections first, then through those of the others by their numbers.
      const std::string own = listed_name(node_, {});
      if (query.after_name > own && !query.after_name.starts_with(own)) return send_answer(others);
      if (query.after_name.starts_with(own)) after = query.after_name.substr(kListedNode);
      query.after_name = after;
    }
    others.missing = cores_;
    others_.emplace(handle, std::move(others));
    for (uint16_t core = 0; core < cores_; ++core) ask_core(core, handle, query);
    return;
  }
  if (!is_about_connection(query.kind)) return;
  const auto address = names_.address_of(query.connection);
  if (!address || address->core >= cores_) return send_answer(others);
  query.address = *address;
  query.connection = {};
  others.missing = 1;
  if (query.kind == hub::QueryKind::send_to_connection) others.until_ns += static_cast<int64_t>(query.after) * kMsNs;
  others_.emplace(handle, std::move(others));
  ask_core(address->core, handle, query);
}

void Inquiries::ask_core(uint16_t core, uint64_t handle, const hub::Query& query) {
  reactor::Mail mail;
  mail.kind = static_cast<uint8_t>(hub::Kind::ask);
  mail.value = handle;
  hub::RecordWriter out(scratch_);
  hub::write_query(out, query);
  host_.post_text(core, mail, scratch_);
}

void Inquiries::on_core_answer(const reactor::Mail& mail) {
  hub::Answer late{};
  const auto found = others_.find(mail.value);
  hub::add_answer(mail, found == others_.end() ? late : found->second.answer);
  if (found == others_.end() || --found->second.missing != 0) return;
  Others others = std::move(found->second);
  others_.erase(found);
  if (others.answer.kind == hub::QueryKind::connections) {
    for (hub::Row& row : others.answer.rows) {
      row.id =
          names_.name_of({static_cast<uint16_t>(row.c), {static_cast<uint32_t>(row.a), static_cast<uint32_t>(row.b)}});
      row.name = listed_name(node_, row.name);
    }
  }
  if (is_list(others.answer.kind)) hub::finish_rows(others.answer, others.limit);
  send_answer(others);
}

void Inquiries::send_answer(const Others& others) {
  std::string text;
  put_part(text, kInquiryVersion);
  put_part(text, others.question);
  put_part(text, (others.answer.found ? uint64_t{1} : 0) | (others.answer.more ? 2 : 0));
  put_part(text, others.answer.count);
  for (const hub::Row& row : others.answer.rows) {
    for (const std::string_view part :
         {std::string_view(row.name), std::string_view(row.text), std::string_view(row.id)})
      put_part(text, part);
    for (const uint64_t number : {row.a, row.b, row.c}) put_part(text, number);
  }
  host_.publish(answers_channel(others.node), text, 0);
}

void Inquiries::on_lost() {
  while (!own_.empty()) finish(own_.begin()->first, 1);
}

void Inquiries::on_interval(int64_t now_ns) {
  for (auto at = own_.begin(); at != own_.end();) {
    const auto next = std::next(at);
    const Own& own = at->second;
    if (own.until_ns <= now_ns)
      finish(at->first, static_cast<uint32_t>(own.others ? *own.others - std::min(*own.others, own.answered) : 1));
    at = next;
  }
  std::erase_if(others_, [&](const auto& entry) { return entry.second.until_ns <= now_ns; });
}

}  // namespace ringcast::cluster
