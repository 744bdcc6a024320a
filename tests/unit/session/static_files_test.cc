// SPDX-License-Identifier: Apache-2.0
#include "api/static_files.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

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

constexpr uint64_t kPlenty = 1 << 20;
using Kind = FoundFile::Kind;

std::string body_of(FileCache& cache, std::string_view path) {
  const FoundFile found = cache.get(path);
  return found.kind == Kind::file ? found.file->body : "-";
}

TEST_F(StaticFilesTest, ReadsADirectory) {
  write("index.html", "<p>hello");
  write("js/chat.js", "let a;");
  write("deep/down/index.html", "deep");
  StaticFiles files;
  ASSERT_TRUE(files.add_directory(root_.string(), "/"));
  FileCache cache(files, kPlenty, kPlenty);
  EXPECT_EQ(body_of(cache, "/"), "<p>hello");
  EXPECT_EQ(body_of(cache, "/index.html"), "<p>hello");
  EXPECT_EQ(cache.get("/").file->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(cache.get("/js/chat.js").file->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(body_of(cache, "/deep/down/"), "deep");
  EXPECT_EQ(cache.get("/deep/down").kind, Kind::directory);
  for (const char* path : {"/js", "/js/", "/deep", "/nothing", "", "index.html", "/../index.html", "//", "/js//chat.js",
                           "/index.html/", "/js/../index.html"}) {
    EXPECT_EQ(cache.get(path).kind, Kind::missing) << path;
  }
}

TEST_F(StaticFilesTest, LeavesOutHiddenFilesLinksAndWhatIsNoFile) {
  write("shown.txt", "1");
  write(".hidden", "2");
  write(".git/config", "3");
  fs::create_symlink("/etc/passwd", root_ / "link.txt");
  fs::create_directory_symlink("/etc", root_ / "etc");
  ASSERT_EQ(mkfifo((root_ / "fifo").c_str(), 0600), 0);
  StaticFiles files;
  ASSERT_TRUE(files.add_directory(root_.string(), "/static/"));
  FileCache cache(files, kPlenty, kPlenty);
  EXPECT_EQ(body_of(cache, "/static/shown.txt"), "1");
  for (const char* path : {"/static/.hidden", "/static/.git/config", "/static/link.txt", "/static/etc/passwd",
                           "/static/fifo", "/shown.txt"}) {
    EXPECT_EQ(cache.get(path).kind, Kind::missing) << path;
  }
  EXPECT_EQ(cache.get(std::string("/static/shown.txt\0x", 19)).kind, Kind::missing);
}

TEST_F(StaticFilesTest, AnEditIsSeenAndWhatIsUnchangedIsNotReadAgain) {
  write("a.txt", "one");
  StaticFiles files;
  files.add("/a.txt", "a.txt", "built in");
  files.add("/b.txt", "b.txt", "built in");
  ASSERT_TRUE(files.add_directory(root_.string(), "/"));
  FileCache cache(files, kPlenty, kPlenty);
  const auto first = cache.get("/a.txt").file;
  EXPECT_EQ(first->body, "one");
  EXPECT_EQ(cache.get("/a.txt").file, first);
  write("a.txt", "other");
  EXPECT_EQ(body_of(cache, "/a.txt"), "other");
  EXPECT_EQ(cache.bytes(), 5u);
  fs::remove(root_ / "a.txt");
  EXPECT_EQ(body_of(cache, "/a.txt"), "built in");
  EXPECT_EQ(body_of(cache, "/b.txt"), "built in");
}

TEST_F(StaticFilesTest, KeepsNoMoreThanItMayAndNoFileThatIsTooLarge) {
  StaticFiles files;
  for (const char* name : {"a", "b", "c"}) write(name, std::string(40, *name));
  write("large", std::string(101, 'x'));
  ASSERT_TRUE(files.add_directory(root_.string(), "/"));
  FileCache cache(files, 100, 100);
  const auto a = cache.get("/a").file;
  cache.get("/b");
  EXPECT_EQ(cache.get("/a").file, a);
  EXPECT_EQ(cache.bytes(), 80u);
  cache.get("/c");  // the longest unused goes
  EXPECT_EQ(cache.bytes(), 80u);
  EXPECT_EQ(cache.get("/a").file, a);
  EXPECT_EQ(cache.get("/large").kind, Kind::too_large);
  FileCache none(files, 0, 100);
  EXPECT_EQ(body_of(none, "/a"), std::string(40, 'a'));
  EXPECT_EQ(none.bytes(), 0u);
}

TEST(ParseRange, OneRangeOfBytes) {
  const auto shown = [](std::string_view field, uint64_t size) {
    const ByteRange range = parse_range(field, size);
    if (range.kind == ByteRange::Kind::whole) return std::string("whole");
    if (range.kind == ByteRange::Kind::unsatisfiable) return std::string("416");
    return std::to_string(range.first) + "+" + std::to_string(range.length);
  };
  EXPECT_EQ(shown("bytes=0-0", 10), "0+1");
  EXPECT_EQ(shown("bytes=2-", 10), "2+8");
  EXPECT_EQ(shown("bytes=-3", 10), "7+3");
  EXPECT_EQ(shown("bytes=-30", 10), "0+10");
  EXPECT_EQ(shown("bytes=9-99", 10), "9+1");
  EXPECT_EQ(shown("bytes=10-", 10), "416");
  EXPECT_EQ(shown("bytes=-0", 10), "416");
  EXPECT_EQ(shown("bytes=0-", 0), "416");
  for (const char* field : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=3-2", "bytes=0-1,4-5", "lines=0-1",
                            "bytes=1-x", "bytes=x-1", "bytes=18446744073709551616-"}) {
    EXPECT_EQ(shown(field, 10), "whole") << field;
  }
}

TEST_F(StaticFilesTest, SaysWhatIsMissing) {
  StaticFiles files;
  const auto result = files.add_directory((root_ / "none").string(), "/");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "not_found");
  EXPECT_NE(result.error().message.find("none"), std::string::npos);
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
