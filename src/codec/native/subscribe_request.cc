// SPDX-License-Identifier: Apache-2.0
#include "codec/native/subscribe_request.h"

#include <array>
#include <string>

#include "codec/json/json_reader.h"
#include "codec/native/names.h"

namespace ringcast::codec {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

constexpr std::array<std::string_view, 3> kSubscribeFields{"rooms", "positions", "timeout"};

class SubscribeReader {
 public:
  SubscribeReader(JsonScratch& json, const JsonLimits& limits, size_t names_max, SubscribeRequest& request)
      : reader_(json, limits), names_max_(names_max), request_(request) {}

  std::optional<Error> read(simdjson::ondemand::object object) {
    reader_.members(object, [&](std::string_view key, value value) { read_field(key, value); });
    return reader_.take_error();
  }

 private:
  void read_field(std::string_view key, value value) {
    if (key == "rooms") {
      rooms(key, value);
    } else if (key == "positions") {
      positions(key, value);
    } else if (key == "timeout") {
      timeout(key, value);
    } else {
      reader_.unknown(key, value, "a subscription", kSubscribeFields);
    }
  }

  void too_many(std::string_view key) {
    reader_.complain("too_many_rooms", quoted(key) + " may have " + std::to_string(names_max_) + " names");
  }

  void rooms(std::string_view key, value value) {
    if (!reader_.is(json_type::array, key, value, "an array of names")) return;
    simdjson::ondemand::array array;
    if (const auto code = value.get_array().get(array)) return reader_.break_off(code);
    request_.rooms.clear();
    for (auto element : array) {
      simdjson::ondemand::value item;
      if (const auto code = std::move(element).get(item)) return reader_.break_off(code);
      std::string_view name;
      if (!reader_.is(json_type::string, key, item, "an array of names")) {
        if (reader_.broken()) return;
        continue;
      }
      reader_.text(key, item, name);
      if (reader_.broken()) return;
      if (request_.rooms.size() == names_max_) {
        too_many(key);
        continue;
      }
      request_.rooms.push_back(name);
    }
  }

  void positions(std::string_view key, value value) {
    if (!reader_.is(json_type::object, key, value, "an object of ids by channel")) return;
    simdjson::ondemand::object object;
    if (const auto code = value.get_object().get(object)) return reader_.break_off(code);
    request_.positions.clear();
    reader_.members(object, [&](std::string_view channel, simdjson::ondemand::value item) {
      std::optional<uint64_t> id;
      reader_.id(channel, item, id);
      if (!id) return;
      if (request_.positions.size() == names_max_) return too_many(key);
      request_.positions.emplace_back(channel, *id);
    });
  }

  void timeout(std::string_view key, value value) {
    if (!reader_.is(json_type::number, key, value, "a number of seconds")) return;
    uint64_t seconds = 0;
    if (value.get_uint64().get(seconds) || seconds > UINT32_MAX) {
      return reader_.complain("bad_field", quoted(key) + " must be a whole number of seconds");
    }
    request_.timeout_s = static_cast<uint32_t>(seconds);
  }

  FieldReader reader_;
  size_t names_max_;
  SubscribeRequest& request_;
};

}  // namespace

std::optional<Error> parse_subscribe_body(std::string_view text, const JsonLimits& limits, size_t names_max,
                                          SubscribeRequest& request) {
  request = SubscribeRequest{};
  JsonScratch& json = JsonScratch::of_this_thread();
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  auto code = json.open(text, document);
  if (!code) code = document.get_object().get(object);
  if (code == simdjson::INCORRECT_TYPE) {
    return Error{"bad_json", "the body must be a JSON object: {\"rooms\":[…],\"positions\":{…}}"};
  }
  if (code) return json_error(code, limits.depth_max);
  auto error = SubscribeReader(json, limits, names_max, request).read(object);
  if (!error) {
    if (const auto failure = expect_end(document)) error = json_error(failure, limits.depth_max);
  }
  if (error) request = SubscribeRequest{};
  return error;
}

}  // namespace ringcast::codec
