// SPDX-License-Identifier: Apache-2.0
// A transport that this program does not have, made here from nothing but transport/transport.h: it takes the place of
// long polling and sends each message as a line of text.
#include "transport/transport.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/request.h"
#include "compat/form.h"
#include "lone_core.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;

class LineTransport final : public Transport {
 public:
  LineTransport(Gate& gate, std::vector<std::string>& calls) : gate_(gate), calls_(calls) {}

  TransportKind kind() const override { return TransportKind::poll; }

  void open(Client& client, Connection&, const Request& request) override {
    client.kind = Kind::poll;
    client.who = Who(request.identity);
    gate_.opened(client, kind());
    gate_.open_at_hub(client, form_id(WireForm::poll));
    gate_.hub().join({.connection = client.id, .key = "\na", .user = client.user()});
  }
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) override {
    if (bytes[0] == 'q') {
      gate_.close_gently(client, reactor::CloseCause::peer_closed);
    } else if (bytes[0] == 't') {
      gate_.reactor().arm_timer(connection, 1s);
    } else {
      gate_.hub().publish({.key = "\na", .user = client.user(), .payload = R"("line")"});
    }
    return 1;  // what follows is brought again
  }
  void on_peer_gone(Client& client, Connection&) override {
    calls_.push_back("peer gone");
    gate_.close_now(client, reactor::CloseCause::peer_closed);
  }
  void on_drained(Client&, Connection&) override {}
  void on_slow(Client& client, Connection&, reactor::CloseCause cause) override {
    calls_.push_back("slow");
    gate_.close_now(client, cause);
  }
  void on_timer(Client&, Connection&) override { calls_.push_back("timer"); }
  void drain(Client& client, Connection&) override {
    calls_.push_back("drain");
    gate_.close_gently(client, reactor::CloseCause::shutdown);
  }
  void on_closed(Client& client, reactor::CloseCause) override {
    calls_.push_back("closed");
    gate_.ended(client, kind());
  }
  void on_tick() override {}
  void on_joined(Client&, Connection& connection, const hub::Joined& joined) override {
    gate_.reactor().send_copy(connection, "joined " + std::string(hub::name_of(joined.key)) + "\n");
  }
  void on_replay(Client&, Connection&, std::string_view, std::span<const Slice>, uint64_t, uint32_t,
                 uint64_t) override {}
  void on_left(Client&, Connection&, std::string_view, hub::LeftReason) override { calls_.push_back("left"); }
  void on_kicked(Client&, Connection&) override { calls_.push_back("kicked"); }
  bool send_canonical(Client&, Connection&, std::string_view) override {
    calls_.push_back("direct");
    return true;
  }
  void deliver(std::string_view, const hub::Delivery& delivery) override {
    for (const hub::RunEntry& entry : delivery.entries) {
      std::string line;
      gate_.encoder().derive(delivery.form, entry.canonical.view(), entry.id, line);
      for (const uint32_t slot : delivery.members) gate_.reactor().send_copy(gate_.reactor().at(slot), line + "\n");
    }
  }
  void end_token(Client&, Connection&, TokenEnd) override {}

 private:
  Gate& gate_;
  std::vector<std::string>& calls_;
};

class TransportTest : public ::testing::Test {
 protected:
  TransportTest() {
    core_.gate().set_transport(Kind::poll, std::make_unique<LineTransport>(core_.gate(), calls_));
    peer_.send("GET /poll?rooms=a&user=u HTTP/1.1\r\nHost: test\r\n\r\n");
  }
  static LoneCore::Setup without_presence() {
    LoneCore::Setup setup;
    setup.room.presence = false;
    return setup;
  }
  std::vector<std::string> calls_;
  LoneCore core_{without_presence()};
  Peer peer_{core_};
};

TEST_F(TransportTest, TheHubDeliversToIt) {
  EXPECT_EQ(peer_.take(), "joined a\n");
  peer_.send("pp");
  const std::string lines = peer_.take();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_NE(lines.find(R"("content":"line")"), std::string::npos) << lines;
  EXPECT_EQ(core_.stats().open_now(TransportKind::poll).get(), 1u);
}

TEST_F(TransportTest, ItsTimerAndItsEndReachIt) {
  peer_.send("t");
  core_.advance(2s);
  peer_.send("q");
  peer_.hang_up();
  core_.tick();
  EXPECT_EQ(calls_, (std::vector<std::string>{"timer", "closed"}));
  EXPECT_EQ(core_.stats().open_now(TransportKind::poll).get(), 0u);
}

TEST_F(TransportTest, ThePeersEndReachesIt) {
  peer_.hang_up();
  core_.tick();
  EXPECT_EQ(calls_, (std::vector<std::string>{"peer gone", "closed"}));
}

TEST_F(TransportTest, TheDrainReachesIt) {
  core_.gate().drain(DrainPhase::notifying);
  core_.advance(60s);
  EXPECT_EQ(calls_.front(), "drain");
}

TEST_F(TransportTest, AnAdministratorsCallsReachIt) {
  std::string name;
  core_.gate().append_name(name, core_.gate().at(0));
  Peer other(core_);
  other.send("DELETE /connections/" + name + " HTTP/1.1\r\nHost: test\r\n\r\n");
  core_.tick();
  EXPECT_EQ(calls_, (std::vector<std::string>{"kicked"}));
}

}  // namespace
}  // namespace ringcast::session
