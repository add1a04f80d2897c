#include "tools/markup.hpp"
#include "tools/report_page/chart.hpp"
#include "tools/report_page/html.hpp"
#include "tools/report_page/report_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Names the first element that is not closed where it should be; empty: all are.
std::string unbalanced(const std::string& html) {
  const std::set<std::string> empty{"meta", "br"};
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    if (html[at + 1] == '!' || html[end - 1] == '/') continue;
    const bool closes = html[at + 1] == '/';
    const std::size_t first = at + (closes ? 2 : 1);
    const std::string name = html.substr(first, html.find_first_of(" >", first) - first);
    if (empty.contains(name)) continue;
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return name;
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back();
}

TEST(HtmlReport, EscapesWhatAPageWouldTakeForMarkup) {
  EXPECT_EQ(escape_markup("<a b=\"c\" d='e'>&\x01"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp; ");
  EXPECT_EQ(escape_markup("Größe\n"), "Größe\n");
}

TEST(HtmlReport, ATableHasEveryCellEscaped) {
  const std::string html = html_table({{"na<me", "rows"}, 1, {{"a&b", "1"}}});
  EXPECT_THAT(html, AllOf(HasSubstr("<th>na&lt;me</th><th class=\"n\">rows</th>"),
                          HasSubstr("<td>a&amp;b</td><td class=\"n\">1</td>")));
  EXPECT_EQ(unbalanced(html), "");
}

TEST(HtmlReport, PausesTakeNoRoom) {
  const TimeAxis axis({{0, 10}, {9, 20}, {1020, 1040}}, 60);
  EXPECT_DOUBLE_EQ(axis.length(), 40);
  EXPECT_DOUBLE_EQ(axis.position(10), 0.25);
  EXPECT_DOUBLE_EQ(axis.position(500), 0.5);
  EXPECT_DOUBLE_EQ(axis.position(1030), 0.75);
  ASSERT_EQ(axis.pauses().size(), 1U);
  EXPECT_DOUBLE_EQ(axis.pauses()[0].seconds, 1000);
}

TEST(HtmlReport, TicksAreRoundAndFew) {
  EXPECT_EQ(round_ticks(950, 4), (std::vector<double>{0, 500}));
  EXPECT_EQ(round_ticks(0, 4), std::vector<double>{0});
  EXPECT_EQ(time_ticks(100, 8), (std::vector<double>{0, 15, 30, 45, 60, 75, 90}));
}

Chart chart_of(std::vector<ChartValue> values) {
  return {"rows <s>", [](double v) { return std::to_string(v); }, {{"r", std::move(values)}}, {}};
}

TEST(HtmlReport, AChartWithoutAValueSaysSo) {
  const std::string html = chart_svg(chart_of({}), TimeAxis({}, 1));
  EXPECT_EQ(html, "<p>rows &lt;s&gt;: nothing was measured.</p>\n");
}

TEST(HtmlReport, AChartOfOneValueIsALine) {
  const std::string html = chart_svg(chart_of({{{5, 7}, 3}}), TimeAxis({{5, 7}}, 1));
  EXPECT_THAT(html, HasSubstr("<path class=\"s1\" d=\"M76.0 16.2H706.0\"/>"));
  EXPECT_EQ(unbalanced(html), "");
}

TEST(HtmlReport, AChartIsBrokenWhereNothingIsKnown) {
  std::vector<ChartValue> values;
  std::vector<Interval> busy;
  for (int i = 0; i < 500; ++i) {
    const double from = i < 250 ? i : i + 1000;
    busy.emplace_back(from, from + 1);
    values.push_back({busy.back(), i % 7 * 1.0});
  }
  const std::string html = chart_svg(chart_of(values), TimeAxis(busy, 5));
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_THAT(html, AllOf(HasSubstr("stopped for 16m40s"), Not(HasSubstr("nan"))));
  const std::string path = html.substr(html.find("d=\""));
  EXPECT_EQ(std::count(path.begin(), path.end(), 'M'), 2);
}

TEST(HtmlReport, APageIsWellFormedWhateverNamesHold) {
  const std::string evil = "\"<b>&'x";
  ReportData data;
  data.database = evil;
  data.state.job.job_id = 7;
  data.state.job.state = "running";
  data.state.job.backup = evil;
  engine::StepRecord step;
  step.step_id = "s";
  step.stage = "backfill";
  step.table = step.title = step.error = evil;
  step.state = "failed";
  step.started = "2026-01-02 03:04:05.678+01";
  step.seconds = 4;
  data.state.steps = {step};
  engine::BackfillRecord backfill;
  backfill.step_id = "s";
  backfill.table = evil;
  data.state.backfills = {backfill};
  data.samples = {{100, 102, 2, 4000, 1 << 20, engine::BatchTimes{3, 9}}};
  data.throttled = {{101, 102, evil, 1, evil}};
  data.events = {{evil, "warning", evil}};
  data.quarantined = {{evil, evil, evil, evil}};
  data.irreversible = {{evil, evil, evil, true}};
  data.verify.emplace();
  data.verify->checks = {{evil, evil, false, evil, false}};
  data.verify->counts = {{evil, {{evil, 3}}, 3}};
  const std::string html = report_page(data);
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_TRUE(html.starts_with(kPageMark));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<b>")), HasSubstr("job 7 in "), HasSubstr("failed"),
                          HasSubstr("class=\"shade\""), Not(HasSubstr("<script")),
                          Not(HasSubstr("http")), Not(HasSubstr("nan"))));
}

}  // namespace
}  // namespace pgbackfill::tools
