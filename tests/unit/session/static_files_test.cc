// SPDX-License-Identifier: Apache-2.0
#include "session/static_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ringcast::session {
namespace {

namespace fs = std::filesystem;

class StaticFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringcast-static-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& body) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << body;
  }
  fs::path root_;
};

TEST_F(StaticFilesTest, ReadsADirectory) {
  write("index.html", "<p>hello");
  write("js/chat.js", "let a;");
  write("deep/down/index.html", "deep");
  StaticFiles files;
  ASSERT_TRUE(files.add_directory(root_.string(), "/"));
  EXPECT_EQ(files.size(), 3u);
  ASSERT_NE(files.find("/"), nullptr);
  EXPECT_EQ(files.find("/")->body, "<p>hello");
  EXPECT_EQ(files.find("/"), files.find("/index.html"));
  EXPECT_EQ(files.find("/")->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(files.find("/js/chat.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(files.find("/deep/down/")->body, "deep");
  for (const char* path : {"/js", "/js/", "/deep/down", "/nothing", "", "index.html", "/../index.html", "//"}) {
    EXPECT_EQ(files.find(path), nullptr) << path;
  }
}

TEST_F(StaticFilesTest, LeavesOutHiddenFilesAndLinks) {
  write("shown.txt", "1");
  write(".hidden", "2");
  write(".git/config", "3");
  fs::create_symlink("/etc/passwd", root_ / "link.txt");
  StaticFiles files;
  ASSERT_TRUE(files.add_directory(root_.string(), "/static/"));
  EXPECT_EQ(files.size(), 1u);
  EXPECT_NE(files.find("/static/shown.txt"), nullptr);
}

TEST_F(StaticFilesTest, WhatIsThereAlreadyStays) {
  write("a.txt", "from disk");
  StaticFiles files;
  files.add("/a.txt", "a.txt", "first");
  ASSERT_TRUE(files.add_directory(root_.string(), "/"));
  EXPECT_EQ(files.find("/a.txt")->body, "first");
}

TEST_F(StaticFilesTest, SaysWhatIsMissing) {
  StaticFiles files;
  const auto result = files.add_directory((root_ / "none").string(), "/");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "not_found");
  EXPECT_NE(result.error().message.find("none"), std::string::npos);
}

TEST_F(StaticFilesTest, RefusesMoreThanItsLimit) {
  StaticFiles files;
  for (size_t i = 0; i < kStaticFilesMax; ++i) files.add('/' + std::to_string(i), "x", "");
  write("one-too-many", "x");
  const auto result = files.add_directory(root_.string(), "/");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "too_large");
}

TEST(StaticFiles, TagFollowsTheContent) {
  StaticFiles files;
  files.add("/a", "a.txt", "one");
  files.add("/b", "b.txt", "one");
  files.add("/c", "c.txt", "two");
  EXPECT_EQ(files.find("/a")->etag, files.find("/b")->etag);
  EXPECT_NE(files.find("/a")->etag, files.find("/c")->etag);
  EXPECT_EQ(files.find("/a")->etag.front(), '"');
  EXPECT_EQ(files.find("/a")->etag.back(), '"');
}

TEST(ContentType, ByExtension) {
  EXPECT_EQ(content_type_of("a.css"), "text/css; charset=utf-8");
  EXPECT_EQ(content_type_of("A.SVG"), "image/svg+xml");
  EXPECT_EQ(content_type_of("a.tar.gz"), "application/octet-stream");
  EXPECT_EQ(content_type_of("Makefile"), "application/octet-stream");
  EXPECT_EQ(content_type_of("a."), "application/octet-stream");
}

TEST(EtagMatches, ListsWeakAndStar) {
  EXPECT_TRUE(etag_matches("\"a\"", "\"a\""));
  EXPECT_TRUE(etag_matches("\"x\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(etag_matches(" * ", "\"a\""));
  EXPECT_FALSE(etag_matches("\"b\"", "\"a\""));
  EXPECT_FALSE(etag_matches("a", "\"a\""));
  EXPECT_FALSE(etag_matches("", "\"a\""));
}

}  // namespace
}  // namespace ringcast::session
