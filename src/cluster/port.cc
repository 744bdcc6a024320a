// SPDX-License-Identifier: Apache-2.0
#include "cluster/port.h"

#include "base/assert.h"
#include "cluster/protocol.h"
#include "cluster/record.h"
#include "hub/protocol.h"
#include "hub/question_mail.h"

namespace ringcast::cluster {

namespace {
reactor::Mail mail_of(Kind kind) {
  reactor::Mail mail;
  mail.kind = static_cast<uint8_t>(kind);
  return mail;
}

Command command_of(hub::QueryKind kind) {
  switch (kind) {
    case hub::QueryKind::close_room: return Command::close;
    case hub::QueryKind::disconnect_user: return Command::disconnect;
    case hub::QueryKind::remove_member: return Command::remove;
    default: return Command::purge;
  }
}

// Of a later release's, nothing.
void carry_out(hub::Hub& hub, Command command, std::string_view key, std::string_view user) {
  switch (command) {
    case Command::close: return hub.carry_out(hub::QueryKind::close_room, key, user);
    case Command::disconnect: return hub.carry_out(hub::QueryKind::disconnect_user, key, user);
    case Command::remove: return hub.carry_out(hub::QueryKind::remove_member, key, user);
    case Command::purge:  // comes as a reset
    case Command::state: return;
  }
}

hub::MessageView message_of(const reactor::Mail& mail, std::string_view key, const Record& record) {
  return {mail.id, mail.value, key, record.user, record.event, record.kind, record.payload, record.connection};
}
}  // namespace

bool Port::orders(std::string_view key) const {
  return policies_[policies_.match(hub::name_of(key))].shared;
}

void Port::send(reactor::Mail mail) {
  const Slice slice = payloads_.append(scratch_);
  mail.block = slice.hold->block();
  mail.block->add_references(1);
  mail.offset = slice.offset;
  mail.length = slice.length;
  post_.send(bridge_, mail);
}

void Port::order(const hub::Unordered& publish) {
  const hub::Publisher& publisher = publish.publisher;
  reactor::Mail mail = mail_of(Kind::order);
  if (publisher.acknowledge) mail.flags = flag::kAcknowledge;
  mail.number = publisher.core;
  mail.connection = publisher.connection.slot;
  mail.generation = publisher.connection.generation;
  mail.value = publisher.correlation;
  mail.extra = publisher.receivers;
  record_.clear();
  append_record(record_, record_of(publish.message, publish.exclude, publish.final, node_, publish.exclude_name));
  hub::RecordWriter(scratch_)
      .text(publish.message.key)
      .text(publish.idempotency_key)
      .text(publish.message.user)
      .text(record_);
  send(mail);
}

void Port::announce(const hub::MessageView& event, const hub::Address& exclude) {
  record_.clear();
  append_record(record_, record_of(event, exclude, false, node_));
  hub::RecordWriter(scratch_).text(event.key).text(record_);
  send(mail_of(Kind::announce));
}

void Port::open(std::string_view key) {
  reactor::Mail mail = mail_of(Kind::open);
  mail.id = openings_[std::string(key)] = ++last_opening_;
  hub::RecordWriter(scratch_).text(key);
  send(mail);
}

void Port::close(std::string_view key) {
  if (const auto found = openings_.find(key); found != openings_.end()) openings_.erase(found);
  hub::RecordWriter(scratch_).text(key);
  send(mail_of(Kind::close));
}

void Port::command(hub::QueryKind kind, std::string_view key, std::string_view user) {
  hub::RecordWriter(scratch_).text(key).text(user);
  reactor::Mail mail = mail_of(Kind::command);
  mail.flags = static_cast<uint8_t>(command_of(kind));
  send(mail);
}

void Port::attends(std::string_view key, const hub::Attendee& attendee) {
  reactor::Mail mail = mail_of(Kind::attend);
  mail.flags = attendee.shown ? flag::kPresent : 0;
  mail.id = attendee.connections;
  mail.value = static_cast<uint64_t>(attendee.status);
  hub::RecordWriter(scratch_).text(key).text(attendee.user);
  send(mail);
}

void Port::counts(std::string_view key, const hub::Counts& counts) {
  reactor::Mail mail = mail_of(Kind::count);
  mail.flags = counts.present ? flag::kPresent : 0;
  mail.id = static_cast<uint64_t>(counts.live) << 32 | counts.anonymous;
  mail.value = counts.connections;
  hub::RecordWriter(scratch_).text(key);
  send(mail);
}

void Port::cleared(std::string_view key) {
  hub::RecordWriter(scratch_).text(key);
  send(mail_of(Kind::cleared));
}

void Port::state(std::string_view inbox, hub::Status status) {
  reactor::Mail mail = mail_of(Kind::state);
  mail.value = static_cast<uint64_t>(status);
  hub::RecordWriter(scratch_).text(inbox);
  send(mail);
}

void Port::ask(const hub::Query& query, uint64_t gather) {
  reactor::Mail mail = mail_of(Kind::ask);
  mail.value = gather;
  hub::RecordWriter out(scratch_);
  hub::write_query(out, query);
  send(mail);
}

void Port::on_mail(hub::Hub& hub, const reactor::Mail& mail) {
  const hub::Payload payload(mail);
  hub::RecordReader reader(payload.view());
  const std::string_view key = reader.text();
  const std::string_view bytes = reader.text();
  const bool present = (mail.flags & flag::kPresent) != 0;
  const auto opening = openings_.find(key);
  if (opening == openings_.end() || opening.value() != mail.extra) return;
  Record record;
  switch (static_cast<Kind>(mail.kind)) {
    case Kind::reset: return hub.reset(key, mail.id, mail.value);
    case Kind::opened:
      if ((mail.flags & flag::kReady) == 0) openings_.erase(opening);
      return hub.opened(key, (mail.flags & flag::kReady) != 0);
    case Kind::command: return carry_out(hub, static_cast<Command>(mail.flags), key, bytes);
    case Kind::attend:
      return hub.attend(key, {bytes, present, static_cast<uint32_t>(mail.id), static_cast<hub::Status>(mail.value)});
    case Kind::count:
      return hub.count(key, {static_cast<uint32_t>(mail.id >> 32), static_cast<uint32_t>(mail.id),
                             static_cast<uint32_t>(mail.value), present});
    case Kind::state: return hub.state(key, static_cast<hub::Status>(mail.value));
    case Kind::event:
      if (read_record(bytes, record)) hub.show(message_of(mail, key, record));
      return;
    case Kind::apply: {
      // A record of a later release takes its place all the same: ids stay contiguous, and its payload is null.
      if (!read_record(bytes, record)) {
        record = {};
        record.kind = hub::PayloadKind::data;
        record.payload = "null";
      }
      hub::Ordered ordered{message_of(mail, key, record), {}, record.final, (mail.flags & flag::kKept) != 0};
      if (!record.exclude_name.empty()) {
        ordered.exclude = address_of_(record.exclude_name).value_or(hub::Address());
      } else if (record.node == node_) {
        ordered.exclude = record.exclude;
      }
      const hub::Applied applied = hub.apply(ordered);
      RINGCAST_ASSERT(applied == hub::Applied::applied);  // the bridge brings them in order
      return;
    }
    default: RINGCAST_ASSERT(false);  // a kind that the bridge does not send
  }
}

}  // namespace ringcast::cluster
