// SPDX-License-Identifier: Apache-2.0
// From what has come to what is published, by the templates of an inlet and the rules of POST /messages. Immutable but
// for scratch; the inlet's thread.
#pragma once

#include <memory>
#include <string>

#include "access/policy.h"
#include "api/foreign_message.h"
#include "base/error.h"
#include "inlets/options.h"
#include "inlets/statistics.h"
#include "inlets/template.h"

namespace ringcast::inlets {

struct MappingLimits {
  codec::JsonLimits json;
  uint64_t body_bytes_max = 1 << 20;
};

class Mapping {
 public:
  // Code bad_template, with the setting.
  [[nodiscard]] static Result<Mapping> create(const InletOptions& options, const MappingLimits& limits);

  // `grant`: what the inlet may do; null: everything. The error's code is one of POST /messages, or `missing` or
  // `forbidden`.
  [[nodiscard]] Result<std::unique_ptr<session::ForeignTask>> map(const Received& received, const access::Grant* grant);
  // The message about one that cannot be published. Never fails: what is too long of it is cut.
  std::unique_ptr<session::ForeignTask> dead_letter(const Received& received, const Error& why) const;
  static Reason reason_of(const Error& error);

 private:
  Mapping(const InletOptions& options, const MappingLimits& limits) : options_(options), limits_(limits) {}
  [[nodiscard]] Result<void> check_rights(const access::Grant& grant, std::string_view channel, std::string_view tenant,
                                          std::string_view user) const;
  [[nodiscard]] Result<void> fill(const Body& body);
  std::string own_key(const Received& received) const;

  InletOptions options_;
  MappingLimits limits_;
  Template room_, to_, tenant_, user_, event_, key_, data_;
  struct {
    std::string room, to, tenant, user, event, key, data;
  } filled_;
  std::string json_;
};

}  // namespace ringcast::inlets
