// SPDX-License-Identifier: Apache-2.0
// A project of somebody else, which knows ringcast by its pkg-config file alone.
#include <cstdio>

#include <ringcast/server.h>

int main() {
  try {
    ringcast::Server server(
        {.config_file = {}, .settings = {{"port", "0"}, {"reactors", "1"}, {"log_level", "error"}}});
    server.start();
    ringcast::Message message;
    message.room = "lobby";
    message.content = "hello";
    const ringcast::Receipt receipt = server.publisher().publish_with_receipt(message).get();
    server.stop();
    std::printf("receivers %u\n", receipt.receivers);
    return receipt.id > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
