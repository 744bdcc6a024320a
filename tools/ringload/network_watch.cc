// SPDX-License-Identifier: Apache-2.0
#include "network_watch.h"

#include <fstream>
#include <sstream>
#include <string>

namespace ringcast::ringload {

LoopbackCounts loopback_counts() {
  std::ifstream file("/proc/net/dev");
  LoopbackCounts counts;
  for (std::string line; std::getline(file, line);) {
    const size_t name = line.find("lo:");
    if (name == std::string::npos || line.find_first_not_of(' ') != name) continue;
    std::istringstream fields(line.substr(name + 3));
    fields >> counts.bytes >> counts.packets;
  }
  return counts;
}

}  // namespace ringcast::ringload
