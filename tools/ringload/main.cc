// SPDX-License-Identifier: Apache-2.0
// ringload: reads the options, runs the scenario, prints and writes what was found.
// Exit codes: 0 good, 1 it could not run, 2 bad options, 3 a threshold was crossed, 4 the run is INVALID, 130
// interrupted.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "controller.h"
#include "io/descriptor_table.h"
#include "page.h"
#include "search.h"

namespace {

using namespace ringcast;
using namespace ringcast::ringload;

enum ExitCode : int { kGood = 0, kFailed = 1, kBadOptions = 2, kThreshold = 3, kInvalid = 4, kInterrupted = 130 };

std::atomic<bool> stop_requested{false};

void on_signal(int signal) {
  stop_requested.store(true);
  std::signal(signal, SIG_DFL);  // a second one ends the process at once
}

bool write_files(const Results& results, const Options& options) {
  bool written = true;
  if (!options.json_path.empty()) written = write_file(options.json_path, to_json(results, options));
  if (!options.csv_path.empty()) written = write_file(options.csv_path, series_csv(results.series)) && written;
  if (!options.hgrm_path.empty()) {
    std::string text;
    results.measures.latency.write_hgrm(text, 1e6);
    written = write_file(options.hgrm_path, text) && written;
  }
  if (!options.report_path.empty()) {
    const std::string page = report_page({{.name = {}, .json = to_json(results, options)}});
    written = write_file(options.report_path, page) && written;
  }
  return written;
}

// Before the run: hours of load are not to end in a path that cannot be written.
bool check_files(const Options& options) {
  for (const std::string* path : {&options.json_path, &options.csv_path, &options.hgrm_path, &options.report_path}) {
    if (path->empty() || *path == "-") continue;
    if (auto writable = check_writable(*path); !writable) {
      std::fprintf(stderr, "ringload: %s\n", writable.error().message.c_str());
      return false;
    }
  }
  return true;
}

// Who cannot be reached, and why.
void explain_no_connection(const Results& results, const Options& options) {
  std::string why;
  for (size_t i = 0; i < kErrorKinds; ++i) {
    if (results.errors[i] == 0) continue;
    why.append(why.empty() ? ": " : "; ").append(to_string(static_cast<ErrorKind>(i)));
    if (!results.measures.examples[i].empty()) why.append(" (").append(results.measures.examples[i]).append(")");
  }
  if (why.empty())
    why = ": none was ready within " + std::to_string(options.first_connection_ns / 1'000'000'000) + " s";
  std::fprintf(stderr, "ringload: nothing connected to %s%s\n", options.host.c_str(), why.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "report") return report_command({argv + 2, argv + argc});
  (void)io::raise_descriptor_limit();
  auto options = parse_options({argv + 1, argv + argc});
  if (!options) {
    const bool help = options.error().code == "help";
    std::fprintf(help ? stdout : stderr, "%s%s\n", help ? "" : "ringload: ", options.error().message.c_str());
    return help ? kGood : kBadOptions;
  }
  if (!check_files(*options)) return kFailed;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);

  const auto results = options->search ? search_rate(*options, stop_requested) : run_scenario(*options, stop_requested);
  if (!results) {
    std::fprintf(stderr, "ringload: %s\n", results.error().message.c_str());
    return kFailed;
  }
  // With JSON on standard output the summary must not stand in its way.
  std::fputs(summary(*results, *options).c_str(), options->json_path == "-" ? stderr : stdout);
  const bool written = write_files(*results, *options);
  const auto judged = verdicts(*results, *options);
  if (results->interrupted) return kInterrupted;
  if (results->connected == 0) explain_no_connection(*results, *options);
  if (std::any_of(judged.begin(), judged.end(), [](const Verdict& one) { return one.crossed; })) return kThreshold;
  if (results->connected == 0) return kFailed;
  if (!results->invalid.empty()) return kInvalid;
  return written ? kGood : kFailed;
}
