#include "tests/engine/job_fixture.hpp"
#include "tools/cli.hpp"
#include "tools/report_page/report_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace pgbackfill::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ReportPageTest : public test::JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    sql("CREATE TABLE \"book<&>\" (id integer PRIMARY KEY, state text);"
        "INSERT INTO \"book<&>\" SELECT g, 'open' FROM generate_series(1, 3000) AS g");
    spec_ = job("[[table]]\nname = '\"book<&>\"'\n");
    spec_.run.method = planner::MethodChoice::kCopy;
    file_ = write_file("report.html", "").string();
    std::filesystem::remove(file_);
  }

  int report() {
    std::ostringstream out;
    err_.str("");
    return run_cli({"report", "-o", file_, "--dsn", dsn()}, out, err_);
  }
  std::string page() const {
    std::ifstream file(file_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  planner::JobSpec spec_;
  std::string file_;
  std::ostringstream err_;
};

TEST_F(ReportPageTest, WithoutAJobNothingIsWritten) {
  EXPECT_EQ(report(), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("no job of pgbackfill"));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(ReportPageTest, AFileOfOthersIsLeftAlone) {
  write_file("report.html", "mine");
  EXPECT_EQ(report(), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr(file_));
  EXPECT_EQ(page(), "mine");
}

TEST_F(ReportPageTest, ShowsAStoppedRunAndThenTheFinishedOne) {
  run_until(spec_, planner::Stage::kExpand);
  ASSERT_EQ(report(), kExitDone) << err_.str();
  EXPECT_THAT(page(), AllOf(HasSubstr(">stopped</strong>"), HasSubstr("book&lt;&amp;&gt;"),
                            HasSubstr("has not been sampled")));
  run(spec_);
  ASSERT_EQ(report(), kExitDone) << err_.str();
  EXPECT_THAT(page(), AllOf(HasSubstr(">finished</strong>"), HasSubstr(">3,000</td>"),
                            HasSubstr("rows per second"), HasSubstr("<td>enforce</td>")));
  EXPECT_EQ(count("SELECT sum(rows) FROM pgbackfill.sample"), 3000);
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.sample WHERE batch_ms_p95 >= batch_ms_p50"), 1);
}

}  // namespace
}  // namespace pgbackfill::tools
