// SPDX-License-Identifier: Apache-2.0
// What a client may send to a TLS port: a server's connection takes it whole and cut with the same outcome, delivers
// plaintext only past a whole handshake, and says what is wrong at most once. The byte after the cuts chooses: the
// input is all there is, or comes behind a handshake, or changes bytes of the client's side of one (offset and value).
#include <ctime>
#include <string>

#include "cuts.h"
#include "tls_pair.h"

namespace {

using namespace ringcast::fuzz;
using namespace ringcast::tls;
using State = Connection::State;

struct Server {
  Server() {
    pki.issue("own", {.names = {"localhost"}});
    material = *load_material({{pki.path("own.pem")}, {pki.path("own.key")}, pki.path("ca.pem"), {}}, TLS1_2_VERSION,
                              {"http/1.1"}, std::time(nullptr));
    core = std::make_unique<Core>(material);
    clients = *ClientContext::create({.server_name = "localhost", .ca_file = pki.path("ca.pem")});
  }
  Pki pki;
  std::shared_ptr<const Material> material;
  std::unique_ptr<Core> core;
  std::unique_ptr<ClientContext> clients;
};

Server& server() {
  static Server made;
  return made;
}

State feed(End& end, const std::vector<std::vector<uint8_t>>& pieces) {
  for (const std::vector<uint8_t>& piece : pieces) {
    const State before = end.tls.state();
    const size_t received = end.received.size();
    end.take(std::span<const uint8_t>(piece));
    if (end.received.size() != received) require(end.tls.state() != State::handshaking);
    if (before == State::failed || before == State::ended) require(end.tls.state() == before);
    // Answers to one piece: the server's side of a handshake, or an alert.
    require(end.out.size() < 16384);
    end.out.clear();
  }
  return end.tls.state();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size);
  std::span<const uint8_t> cuts;
  if (!take_cuts(input, cuts) || input.empty()) return 0;
  const uint8_t choice = input.front();
  input = input.subspan(1);
  const bool asks_client = (choice & 4) != 0;
  switch (choice & 3) {
    case 0:
    case 3: {
      End first(server().core->context->accept(asks_client)), second(server().core->context->accept(asks_client));
      require(feed(first, whole(input)) == feed(second, cut(input, cuts)));
      require(first.received.empty() && second.received.empty());
      break;
    }
    case 1: {
      End client(server().clients->connect()), end(server().core->context->accept(false));
      converse(client, end);
      require(end.tls.state() == State::open);
      feed(end, cut(input, cuts));
      require(end.received.empty());  // nobody knows the keys
      break;
    }
    case 2: {
      End client(server().clients->connect()), end(server().core->context->accept(asks_client));
      client.take(std::span<const uint8_t>());
      for (; input.size() >= 3; input = input.subspan(3)) {
        const size_t at = (size_t{input[0]} << 8 | input[1]) % client.out.size();
        client.out[at] = static_cast<uint8_t>(client.out[at] ^ input[2]);
      }
      feed(end, cut(client.out, cuts));
      break;
    }
  }
  return 0;
}
