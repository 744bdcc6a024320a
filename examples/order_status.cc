// SPDX-License-Identifier: Apache-2.0
// A shop that shows its customers where their orders are, while they look: the push server is a part of it.
//
//   order_status [SETTING=VALUE…]       e.g. order_status port=3000
//
// Standing in for the shop, standard input has one order per line: "ORDER CUSTOMER STATUS". A client that watches the
// order, and the customer wherever logged in, sees the status at once; who comes later finds the last one.
//
//   curl -N 'http://127.0.0.1:3000/events?rooms=order-status/17&last_event_id=0'
//   curl -N 'http://127.0.0.1:3000/events?rooms=@me&user=alice'
#include <iostream>
#include <sstream>
#include <string>

#include "ringcast/server.h"

namespace {

ringcast::Options options_of(int argc, char** argv) {
  ringcast::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    options.settings.emplace_back(word.substr(0, equals),
                                  equals == std::string::npos ? "true" : word.substr(equals + 1));
  }
  return options;
}

// The watchers of the order, then the customer's own devices.
ringcast::PublishResult report(ringcast::Publisher& publisher, const std::string& order, const std::string& customer,
                               const std::string& status) {
  ringcast::Message message;
  message.event = "order_status";
  message.data = R"({"order":)" + ringcast::json_string(order) + R"(,"status":)" + ringcast::json_string(status) + "}";
  message.room = "order-status/" + order;
  // A line that is read twice after a crash is shown once.
  message.idempotency_key = order + "/" + status;
  // Nothing follows a delivery: the streams of this order end.
  message.final = status == "delivered";
  if (auto result = publisher.publish(message); !result) return result;
  message.final = false;
  message.room.clear();
  message.to = customer;
  return publisher.publish(message);
}

}  // namespace

int main(int argc, char** argv) try {
  ringcast::Server server(options_of(argc, argv));
  server.start();
  for (const std::string& url : server.urls()) std::cout << "listening on " << url << std::endl;

  ringcast::Publisher publisher = server.publisher();
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string order, customer, status;
    words >> order >> customer >> status;
    if (status.empty()) {
      std::cout << "expected ORDER CUSTOMER STATUS, got: " << line << std::endl;
      continue;
    }
    const auto result = report(publisher, order, customer, status);
    std::cout << (result ? "reported " + order : "not reported: " + result.error) << std::endl;
  }
  server.drain();
  server.stop();
  return 0;
} catch (const ringcast::StartError& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
