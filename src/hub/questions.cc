// SPDX-License-Identifier: Apache-2.0
#include "hub/questions.h"

#include <algorithm>

#include "hub/broker.h"
#include "hub/local/local.h"
#include "hub/owner/directory.h"
#include "hub/question_mail.h"

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
    case QueryKind::connections: {
      Broker* const others = query.kind == QueryKind::busiest ? nullptr : context_.options.broker;
      gather.missing = context_.options.cores + (others == nullptr ? 0u : 1u);
      for (uint16_t core = 0; core < context_.options.cores; ++core) send(core, query, index);
      if (others != nullptr) others->ask(query, handle_of(index));
      return;
    }
    case QueryKind::disconnect:
    case QueryKind::send_to_connection:
      gather.missing = 1;
      if (!query.connection.empty()) {
        RINGCAST_ASSERT(context_.options.broker != nullptr);
        return context_.options.broker->ask(query, handle_of(index));
      }
      // A core that does not exist has no connections: any core says so.
      return send(query.address.core < context_.options.cores ? query.address.core : context_.options.core, query,
                  index);
    case QueryKind::revoke:
      RINGCAST_ASSERT(context_.options.broker != nullptr);
      gather.missing = 1;
      return context_.options.broker->ask(query, handle_of(index));
    default: gather.missing = 1; return send(context_.owner_of(context_.hash(query.key)), query, index);
  }
}

uint64_t Questions::handle_of(uint32_t gather) const {
  return static_cast<uint64_t>(gathers_.generation(gather)) << 32 | gather;
}

void Questions::send(uint16_t core, const Query& query, uint32_t gather) {
  Mail mail = Context::mail(Kind::ask);
  mail.value = handle_of(gather);
  RecordWriter out(context_.scratch);
  write_query(out, query);
  context_.attach_scratch(mail);
  context_.post.send(core, mail);
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
  write_answer(out, answer);
  Mail reply = answer_mail(answer, gather);
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
  const auto index = static_cast<uint32_t>(mail.value);
  Gather* gather = gathers_.get(index, static_cast<uint32_t>(mail.value >> 32));
  RINGCAST_ASSERT(gather != nullptr && gather->missing != 0);
  Answer& answer = gather->answer;
  add_answer(mail, answer);
  if (--gather->missing != 0) return;
  if (answer.kind == QueryKind::rooms || answer.kind == QueryKind::busiest || answer.kind == QueryKind::users ||
      answer.kind == QueryKind::connections) {
    finish_rows(answer, gather->limit);
  }
  const Answer complete = std::move(answer);
  const ConnectionId from = gather->from;
  gathers_.release(index);
  context_.sink.answered(from, complete);
}

}  // namespace ringcast::hub
