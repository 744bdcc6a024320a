// SPDX-License-Identifier: Apache-2.0
#include "hub/question_mail.h"

#include <algorithm>
#include <utility>

namespace ringcast::hub {

void write_query(RecordWriter& out, const Query& query) {
  out.number(query.kind)
      .number(query.after)
      .number(query.limit)
      .number(query.address.core)
      .number(query.address.connection.slot)
      .number(query.address.connection.generation)
      .text(query.key)
      .text(query.user)
      .text(query.tenant)
      .text(query.after_name)
      .text(query.payload)
      .text(query.connection);
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
  query.connection = record.text();
  return query;
}

void write_answer(RecordWriter& out, const Answer& answer) {
  out.number(answer.oldest).number(answer.newest).number(answer.count).number(answer.silent);
  for (const Row& row : answer.rows)
    out.text(row.name).text(row.text).text(row.id).number(row.a).number(row.b).number(row.c);
}

Mail answer_mail(const Answer& answer, uint64_t gather) {
  Mail mail;
  mail.kind = static_cast<uint8_t>(Kind::answer);
  mail.flags = static_cast<uint8_t>((answer.found ? flag::kFound : 0) | (answer.more ? flag::kCut : 0) |
                                    (answer.unavailable ? flag::kUnavailable : 0));
  mail.value = gather;
  return mail;
}

void add_answer(const Mail& mail, Answer& answer) {
  const Payload payload(mail);
  RecordReader record(payload.view());
  answer.oldest = std::max(answer.oldest, record.number<uint64_t>());
  answer.newest = std::max(answer.newest, record.number<uint64_t>());
  answer.count += record.number<uint64_t>();
  answer.silent += record.number<uint32_t>();
  while (!record.done()) {
    Row row;
    row.name = record.text();
    row.text = record.text();
    row.id = record.text();
    row.a = record.number<uint64_t>();
    row.b = record.number<uint64_t>();
    row.c = record.number<uint64_t>();
    answer.rows.push_back(std::move(row));
  }
  if ((mail.flags & flag::kFound) != 0) answer.found = true;
  if ((mail.flags & flag::kCut) != 0) answer.more = true;
  if ((mail.flags & flag::kUnavailable) != 0) answer.unavailable = true;
}

void finish_rows(Answer& answer, uint32_t limit) {
  const bool by_members = answer.kind == QueryKind::busiest;
  std::sort(answer.rows.begin(), answer.rows.end(), [by_members](const Row& a, const Row& b) {
    return by_members && a.a != b.a ? a.a > b.a : a.name < b.name;
  });
  // What several servers have of one room or user. Of a core there are no two rows of one name.
  size_t kept = 0;
  for (size_t i = 1; i < answer.rows.size(); ++i) {
    Row& last = answer.rows[kept];
    Row& row = answer.rows[i];
    if (row.name != last.name) {
      if (++kept != i) answer.rows[kept] = std::move(row);
    } else if (answer.kind == QueryKind::rooms) {
      last.a += row.a;
      last.b = std::max(last.b, row.b);
      last.c = std::max(last.c, row.c);
    } else if (answer.kind == QueryKind::users) {
      last.b += row.b;
    }
  }
  if (!answer.rows.empty()) answer.rows.resize(kept + 1);
  if (answer.rows.size() <= limit) return;
  answer.rows.resize(limit);
  answer.more = true;
}

}  // namespace ringcast::hub
