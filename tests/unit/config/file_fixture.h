// SPDX-License-Identifier: Apache-2.0
// A configuration file with a text of the test's, which is gone with the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "config/options.h"

namespace ringcast::config {

class FileFixture : public testing::Test {
 protected:
  ~FileFixture() override {
    ::unlink(path_.c_str());
    ::unlink(beside_.c_str());
  }
  Result<Invocation> load(const std::string& text) {
    std::ofstream(path_) << text;
    const std::string flag = "--config=" + path_;
    const char* const argv[] = {"ringcast", flag.c_str()};
    const char* const envp[] = {nullptr};
    return load_options(2, argv, envp);
  }
  Options options(const std::string& text) {
    auto loaded = load(text);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? loaded->options : Options{};
  }
  std::string refused(const std::string& text) {
    auto loaded = load(text);
    EXPECT_FALSE(loaded) << text;
    return loaded ? "" : loaded.error().message;
  }

  const std::string path_ = testing::TempDir() + "options." + std::to_string(::getpid()) + ".toml";
  const std::string beside_ = path_ + ".secret";  // a file that the text names
};

}  // namespace ringcast::config
