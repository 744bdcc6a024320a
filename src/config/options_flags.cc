// SPDX-License-Identifier: Apache-2.0
// Environment and flags, and load_options(), which puts the three sources together.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>

#include "base/command_line.h"
#include "compat/presets.h"
#include "config/options_draft.h"

namespace ringcast::config {
namespace {

constexpr std::string_view kPrefix = "RINGCAST_";
constexpr std::string_view kConfigVariable = "RINGCAST_CONFIG";

// Kubernetes sets RINGCAST_PORT=tcp://…, RINGCAST_SERVICE_HOST, RINGCAST_PORT_3000_TCP_ADDR and more of them in every
// pod beside a service called "ringcast". They are not meant for us.
bool is_service_link(std::string_view name, std::string_view value) {
  name.remove_prefix(kPrefix.size());
  return name == "SERVICE_HOST" || name.substr(0, 12) == "SERVICE_PORT" ||
         (name == "PORT" && value.find("://") != std::string_view::npos) ||
         (name.substr(0, 5) == "PORT_" && name.size() > 5 && std::isdigit(static_cast<unsigned char>(name[5])) != 0);
}

std::string variable_value(const char* const* environment, std::string_view wanted) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (entry.size() > wanted.size() && entry.substr(0, wanted.size()) == wanted && entry[wanted.size()] == '=')
      return std::string(entry.substr(wanted.size() + 1));
  }
  return {};
}

struct CommandLine {
  std::string config_file;
  bool print_config = false;
  bool show_secrets = false;
  bool check_config = false;
  bool list_presets = false;
  std::vector<std::pair<const Setting*, std::string>> given;
  std::string text;  // of --help and --version
};

constexpr std::string_view kCommands[] = {"doctor", "init", "publish", "subscribe", "token"};
constexpr std::string_view kOwnFlags[] = {"--help",         "--version",      "--config", "--print-config",
                                          "--show-secrets", "--check-config", "--presets"};

std::string preset_list() {
  std::string out;
  for (const session::Preset& preset : session::presets()) {
    std::string line(preset.name);
    line.resize(std::max<size_t>(line.size() + 2, 22), ' ');
    out.append(line).append(preset.system).append("\n");
  }
  return out;
}

tl::unexpected<Error> unknown_word(const std::string& word) {
  if (std::find(std::begin(kCommands), std::end(kCommands), word) != std::end(kCommands))
    return fail("unknown_command", "command line: the command \"" + word + "\" comes before all flags");
  std::string message = "command line: unknown command \"" + word + "\"";
  if (const std::string_view nearest = nearest_name(word, kCommands); !nearest.empty()) {
    message += "; did you mean \"" + std::string(nearest) + "\"?";
  } else {
    message += "; there are";
    for (const std::string_view command : kCommands)
      message.append(command == kCommands[0] ? " " : ", ").append(command);
  }
  return fail("unknown_command", std::move(message));
}

tl::unexpected<Error> unknown_extra(const std::string& argument) {
  if (!argument.starts_with('-')) return unknown_word(argument);
  std::vector<std::string> flags(std::begin(kOwnFlags), std::end(kOwnFlags));
  for (const Setting& setting : settings()) {
    flags.push_back(flag_of(setting));
    if (setting.kind == Kind::boolean) flags.push_back("--no-" + flag_of(setting).substr(2));
  }
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  return fail("unknown_flag", "command line: " + unknown_argument(argument, known));
}

// A flag that lacks its value is answered with what may be given.
tl::unexpected<Error> bad_command_line(std::string_view message) {
  std::string text = "command line: " + plain_mistake(message);
  for (const Setting& setting : settings()) {
    if (text == "command line: " + flag_of(setting) + " needs a value") text += ": " + allowed(setting);
  }
  return fail("bad_flag", std::move(text));
}

Result<CommandLine> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app;
  app.set_help_flag("-h,--help");
  app.set_version_flag("--version", "ringcast " RINGCAST_VERSION);
  app.add_option("-c,--config", line.config_file)->take_last();
  app.add_flag("--print-config", line.print_config);
  app.add_flag("--show-secrets", line.show_secrets);
  app.add_flag("--check-config", line.check_config);
  app.add_flag("--presets", line.list_presets);
  app.allow_extras();  // to name the nearest flag
  std::vector<std::pair<const Setting*, CLI::Option*>> options;
  for (const Setting& setting : settings()) {
    CLI::Option* option = nullptr;
    if (setting.kind == Kind::boolean) {
      const std::string flag = flag_of(setting);
      option = app.add_flag(flag + ",!--no-" + flag.substr(2))->take_last();
    } else {
      option = app.add_option(flag_of(setting))->expected(1);
      option->multi_option_policy(setting.kind == Kind::list ? CLI::MultiOptionPolicy::TakeAll
                                                             : CLI::MultiOptionPolicy::TakeLast);
    }
    options.emplace_back(&setting, option);
  }
  try {
    app.parse(argc, const_cast<char**>(argv));
  } catch (const CLI::CallForHelp&) {
    line.text = help_text();
    return line;
  } catch (const CLI::CallForVersion& version) {
    line.text = std::string(version.what()) + "\n";
    return line;
  } catch (const CLI::ParseError& error) {
    return bad_command_line(error.what());
  }
  if (const auto extra = app.remaining(); !extra.empty()) return unknown_extra(extra.front());
  if (line.list_presets) line.text = preset_list();
  for (const auto& [setting, option] : options) {
    if (option->count() == 0) continue;
    std::string text;
    for (const std::string& result : option->reduced_results()) text += (text.empty() ? "" : ",") + result;
    line.given.emplace_back(setting, text);
  }
  return line;
}

Result<void> take_text(const Setting& setting, const std::string& text, const std::string& place, Draft& draft) {
  auto value = parse_value(setting, text);
  if (!value) return bad_setting(place, setting.key, shown(setting, "\"" + text + "\""), value.error().message);
  draft.set(setting, *std::move(value), place);
  return {};
}

}  // namespace

Result<void> read_environment(const char* const* environment, Draft& draft) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (entry.substr(0, kPrefix.size()) != kPrefix) continue;
    const size_t equals = std::min(entry.find('='), entry.size());
    const std::string name(entry.substr(0, equals));
    const std::string text(entry.substr(std::min(equals + 1, entry.size())));
    if (name == kConfigVariable || is_service_link(name, text)) continue;
    std::string key = name.substr(kPrefix.size());
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    const Setting* setting = find_setting(key);
    if (setting == nullptr || environment_of(*setting) != name) {
      const Setting* nearest = find_setting(nearest_key(key));
      return unknown_setting("environment", "variable", name, nearest == nullptr ? "" : environment_of(*nearest));
    }
    if (auto taken = take_text(*setting, text, name, draft); !taken) return taken;
  }
  return {};
}

namespace {

// File, environment and flags, in rising precedence.
Result<void> read_sources(const CommandLine& line, const std::string& config_file, const char* const* environment,
                          Draft& draft) {
  if (!config_file.empty()) {
    if (auto read = read_file(config_file, draft); !read) return read;
  }
  if (auto read = read_environment(environment, draft); !read) return read;
  for (const auto& [setting, text] : line.given) {
    if (auto taken = take_text(*setting, text, flag_of(*setting), draft); !taken) return taken;
  }
  return {};
}

}  // namespace

Result<Invocation> load_options(int argc, const char* const* argv, const char* const* environment) {
  auto line = parse_command_line(argc, argv);
  if (!line) return tl::unexpected(line.error());
  Invocation invocation;
  if (!line->text.empty()) {
    invocation.action = Invocation::Action::print;
    invocation.text = line->text;
    return invocation;
  }
  if (line->show_secrets && !line->print_config)
    return fail("bad_flag", "command line: --show-secrets has its place beside --print-config");
  Draft draft;
  invocation.config_file = line->config_file.empty() ? variable_value(environment, kConfigVariable) : line->config_file;
  if (auto read = read_sources(*line, invocation.config_file, environment, draft); !read)
    return tl::unexpected(read.error());
  if (!draft.options.presets.empty()) {
    // Once more, over what the presets say.
    Draft over_presets;
    if (auto read = read_presets(draft.options.presets, draft.place_of("presets"), over_presets); !read)
      return tl::unexpected(read.error());
    draft = std::move(over_presets);
    if (auto read = read_sources(*line, invocation.config_file, environment, draft); !read)
      return tl::unexpected(read.error());
  }
  if (auto finished = finish(draft); !finished) return tl::unexpected(finished.error());
  invocation.options = std::move(draft.options);
  if (line->print_config) {
    invocation.action = Invocation::Action::print;
    invocation.text = print_config(invocation.options, line->show_secrets ? Secrets::shown : Secrets::hidden);
  } else if (line->check_config) {
    invocation.action = Invocation::Action::check;
  }
  return invocation;
}

}  // namespace ringcast::config
