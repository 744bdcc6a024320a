// SPDX-License-Identifier: Apache-2.0
#include "page.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace ringcast::ringload {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class File {
 public:
  explicit File(std::string_view text) {
    const int fd = ::mkstemp(path_.data());
    if (fd >= 0) ::close(fd);
    std::ofstream(path_) << text;
  }
  ~File() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = ::testing::TempDir() + "ringload-page-XXXXXX";
};

TEST(ReportPage, HoldsItsDocumentsAndIsComplete) {
  const std::string page = report_page({{.name = "a", .json = R"({"scenario":"echo"})"}, {.name = "", .json = "{}"}});
  EXPECT_THAT(page, HasSubstr(R"([{"name":"a","document":{"scenario":"echo"}},{"name":"","document":{}}])"));
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  EXPECT_THAT(page, Not(HasSubstr("@@")));
}

TEST(ReportPage, AsksForNothingFromElsewhere) {
  const std::string page = report_page({});
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* way_out : {" src=", "href=\"http", "@import", "url(", "fetch(", "XMLHttpRequest"})
    EXPECT_THAT(page, Not(HasSubstr(way_out))) << way_out;
}

TEST(ReportPage, DataCannotEndItsElement) {
  const std::string page = report_page({{.name = "</script>", .json = R"({"note":"</script><script>"})"}});
  EXPECT_THAT(page, HasSubstr(R"({"name":"\u003c/script>","document":{"note":"\u003c/script>\u003cscript>"}})"));
}

TEST(ReportPage, FilesAreNamedByTheirStem) {
  const File run(R"({"scenario":"echo","transport":"websocket"})");
  const File comparison(R"({"tables":[]})");
  const auto page = report_page_of_files({run.path(), comparison.path()});
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, HasSubstr(R"({"name":"ringload-page-)"));
  EXPECT_THAT(*page, HasSubstr(R"("document":{"tables":[]}})"));
}

TEST(ReportPage, OtherFilesAreRefusedByName) {
  for (const char* text : {"", "{", "[1]", R"({"scenario":1})", R"({"scenario":"echo"} 1)", R"({"a":"b"})"}) {
    const File file(text);
    const auto page = report_page_of_files({file.path()});
    ASSERT_FALSE(page) << text;
    EXPECT_EQ(page.error().code, "bad_file");
    EXPECT_THAT(page.error().message, HasSubstr(file.path()));
  }
  EXPECT_EQ(report_page_of_files({"/nonexistent/run.json"}).error().code, "no_file");
}

}  // namespace
}  // namespace ringcast::ringload
