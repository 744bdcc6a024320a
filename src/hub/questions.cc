// SPDX-License-Identifier: Apache-2.0
#include "hub/questions.h"

#include <algorithm>

#include "hub/local/local.h"
#include "hub/owner/directory.h"

namespace ringcast::hub {

void Questions::ask(const Query& query) {
  const uint32_t index = gathers_.acquire();
  RINGCAST_ASSERT(index != kNoIndex);
  Gather& gather = gathers_[index];
  gather.from = query.from;
  gather.limit = query.limit;
  gather.answer.kind = query.kind;
  gather.answer.correlation = query.correlation;
  switch (query.kind) {
    case QueryKind::rooms:
    case QueryKind::busiest:
    case QueryKind::users:
    case QueryKind::connections:
      gather.missing = context_.options.cores;
      for (uint16_t core = 0; core < context_.options.cores; ++core) send(core, query, index);
      return;
    case QueryKind::disconnect:
    case QueryKind::send_to_connection:
      gather.missing = 1;
      // A core that does not exist has no connections: any core says so.
      return send(query.address.core < context_.options.cores ? query.address.core : context_.options.core, query,
                  index);
    default: gather.missing = 1; return send(context_.owner_of(context_.hash(query.key)), query, index);
  }
}

void Questions::send(uint16_t core, const Query& query, uint32_t gather) {
  Mail mail = Context::mail(Kind::ask);
  mail.value = static_cast<uint64_t>(gathers_.generation(gather)) << 32 | gather;
  RecordWriter(context_.scratch)
      .number(query.kind)
      .number(query.after)
      .number(query.limit)
      .number(query.address.core)
      .number(query.address.connection.slot)
      .number(query.address.connection.generation)
      .text(query.key)
      .text(query.user)
      .text(query.tenant)
      .text(query.after_name)
      .text(query.payload);
  context_.attach_scratch(mail);
  context_.post.send(core, mail);
}

Query read_query(RecordReader& record) {
  Query query{};
  query.kind = record.number<QueryKind>();
  query.after = record.number<uint64_t>();
  query.limit = record.number<uint32_t>();
  query.address.core = record.number<uint16_t>();
  query.address.connection.slot = record.number<uint32_t>();
  query.address.connection.generation = record.number<uint32_t>();
  query.key = record.text();
  query.user = record.text();
  query.tenant = record.text();
  query.after_name = record.text();
  query.payload = record.text();
  return query;
}

void Questions::refuse(const Mail& mail) {
  const Payload payload(mail);
  Answer answer{};
  answer.unavailable = true;
  send_answer(context_, mail.from, mail.value, answer);
}

void Questions::on_ask(const Mail& mail) {
  const Payload payload(mail);
  RecordReader record(payload.view());
  const Query query = read_query(record);
  if (Lists::is_list(query.kind)) return lists_.begin(query, mail.from, mail.value);
  Answer answer{};
  answer.kind = query.kind;
  if (query.kind == QueryKind::send_to_connection && query.after != 0 && concerns(query) &&
      context_.sink.send_and_ask(query.address.connection, query.payload, query.after, {mail.from, mail.value})) {
    return;
  }
  answer_here(query, answer);
  send_answer(context_, mail.from, mail.value, answer);
}

void send_answer(Context& context, uint16_t to, uint64_t gather, const Answer& answer) {
  RecordWriter out(context.scratch);
  out.number(answer.oldest).number(answer.newest).number(answer.count);
  for (const Row& row : answer.rows) out.text(row.name).text(row.text).number(row.a).number(row.b).number(row.c);
  Mail reply = Context::mail(Kind::answer);
  reply.flags = static_cast<uint8_t>((answer.found ? flag::kFound : 0) | (answer.more ? flag::kCut : 0) |
                                     (answer.unavailable ? flag::kUnavailable : 0));
  reply.value = gather;
  context.attach_scratch(reply);
  context.post.send(to, reply);
}

void Questions::answer_here(const Query& query, Answer& answer) {
  switch (query.kind) {
    case QueryKind::disconnect:
      if (!concerns(query)) return;
      answer.found = true;
      answer.count = 1;
      return context_.sink.kicked(query.address.connection);
    case QueryKind::send_to_connection:
      if (!concerns(query)) return;
      answer.found = context_.sink.send_canonical(query.address.connection, query.payload);
      answer.count = answer.found ? 1 : 0;
      return;
    default: return directory_.answer(query, answer);
  }
}

// Nothing crosses from one tenant to another, orders of administrators included.
bool Questions::concerns(const Query& query) const {
  if (query.address.core != context_.options.core) return false;
  const ConnectionId connection = query.address.connection;
  return local_.is_open(connection) ? context_.sink.is_of_tenant(connection, query.tenant)
                                    : context_.sink.may_return(connection, query.tenant);
}

void Questions::on_answer(const Mail& mail) {
  const Payload payload(mail);
  const auto index = static_cast<uint32_t>(mail.value);
  Gather* gather = gathers_.get(index, static_cast<uint32_t>(mail.value >> 32));
  RINGCAST_ASSERT(gather != nullptr && gather->missing != 0);
  Answer& answer = gather->answer;
  RecordReader record(payload.view());
  answer.oldest = std::max(answer.oldest, record.number<uint64_t>());
  answer.newest = std::max(answer.newest, record.number<uint64_t>());
  answer.count += record.number<uint64_t>();
  while (!record.done()) {
    Row row;
    row.name = record.text();
    row.text = record.text();
    row.a = record.number<uint64_t>();
    row.b = record.number<uint64_t>();
    row.c = record.number<uint64_t>();
    answer.rows.push_back(std::move(row));
  }
  if ((mail.flags & flag::kFound) != 0) answer.found = true;
  if ((mail.flags & flag::kCut) != 0) answer.more = true;
  if ((mail.flags & flag::kUnavailable) != 0) answer.unavailable = true;
  if (--gather->missing != 0) return;
  if (answer.kind == QueryKind::rooms || answer.kind == QueryKind::busiest || answer.kind == QueryKind::users ||
      answer.kind == QueryKind::connections) {
    const bool by_members = answer.kind == QueryKind::busiest;
    std::sort(answer.rows.begin(), answer.rows.end(), [by_members](const Row& a, const Row& b) {
      return by_members && a.a != b.a ? a.a > b.a : a.name < b.name;
    });
    if (answer.rows.size() > gather->limit) {
      answer.rows.resize(gather->limit);
      answer.more = true;
    }
  }
  const Answer complete = std::move(answer);
  const ConnectionId from = gather->from;
  gathers_.release(index);
  context_.sink.answered(from, complete);
}

}  // namespace ringcast::hub
