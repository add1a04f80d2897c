#include "tools/report_page/report_page.hpp"

#include "tools/job_figures.hpp"
#include "tools/markup.hpp"
#include "tools/number_text.hpp"
#include "tools/report_page/html.hpp"
#include "tools/report_page/page_charts.hpp"
#include "tools/report_page/page_style.hpp"
#include "tools/report_page/verify_section.hpp"
#include "tools/stage_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::tools {
namespace {

constexpr std::size_t kEventsShown = 300;

std::string process_text(const engine::ProcessRecord& process) {
  return fmt::format("{} on {} (pid {}) since {}{}", process.role, process.host, process.pid,
                     whole_seconds(process.started), process.current ? "" : ", ended");
}

std::string head_section(const ReportData& data) {
  const engine::JobRecord& job = data.state.job;
  const std::string_view word = job_word(data.state);
  const std::string_view tone = word == "finished" ? "good" : word == "failed" ? "bad" : "dim";
  std::string state = fmt::format("<strong class=\"{}\">{}</strong>", tone, word);
  if (!job.rollback_to.empty()) state += " to stage " + escape_markup(job.rollback_to);
  std::vector<std::pair<std::string_view, std::string>> lines{
      {"database", escape_markup(data.database)},
      {"server", "PostgreSQL " + escape_markup(data.server)},
      {"state", state},
      {"begun", escape_markup(whole_seconds(job.created))},
      {"finished", job.finished.empty() ? "-" : escape_markup(whole_seconds(job.finished))},
      {"backup from before it",
       job.backup.empty() ? "none was made by the job" : escape_markup(job.backup)}};
  if (!job.throttle.empty()) lines.emplace_back("now", escape_markup(job.throttle));
  std::string processes;
  for (const engine::ProcessRecord& process : data.state.processes) {
    processes += (processes.empty() ? "" : "<br>") + escape_markup(process_text(process));
  }
  if (!processes.empty()) lines.emplace_back("carried out by", processes);
  std::string html = "<table class=\"head\"><tbody>\n";
  for (const auto& [name, text] : lines) {
    html += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", name, text);
  }
  return html + "</tbody></table>\n";
}

std::string failures_section(const JobState& state) {
  HtmlTable table{{"step", "table", "what", "error"}, 4, {}};
  for (const engine::StepRecord& step : state.steps) {
    if (step.error.empty()) continue;
    table.rows.push_back({step.stage, step.table, step.title, step.error});
  }
  return table.rows.empty() ? "" : html_section("Failed steps", html_table(table));
}

/// When the first of its steps began and the last ended, as the server prints it.
std::pair<std::string, std::string> bounds_of(const JobState& state, const StageSummary& stage) {
  std::pair<std::string, std::string> bounds;
  double first = 0;
  double last = 0;
  for (const engine::StepRecord& step : state.steps) {
    if (step.stage != planner::to_string(stage.stage)) continue;
    const auto from = parse_timestamp(step.started);
    const auto to = parse_timestamp(step.finished);
    if (from && (bounds.first.empty() || *from < first)) {
      first = *from;
      bounds.first = step.started;
    }
    if (to && (bounds.second.empty() || *to > last)) {
      last = *to;
      bounds.second = step.finished;
    }
  }
  if (stage.done < stage.steps) bounds.second.clear();
  return bounds;
}

std::string stages_section(const JobState& state) {
  HtmlTable table{{"stage", "state", "steps", "began", "ended", "time", "WAL"}, 2, {}};
  for (const StageSummary& stage : summarise_stages(state.steps)) {
    const auto [from, to] = bounds_of(state, stage);
    const std::int64_t wal = wal_of(state, stage.stage);
    table.rows.push_back({std::string(planner::to_string(stage.stage)), std::string(stage.state()),
                          fmt::format("{}/{}", stage.done, stage.steps), whole_seconds(from),
                          whole_seconds(to), from.empty() ? "-" : duration_text(stage.seconds),
                          wal > 0 ? bytes_text(wal) : "-"});
  }
  return html_section("Stages", stage_timeline(state) + html_table(table));
}

std::string size_text(std::optional<std::int64_t> before, std::optional<std::int64_t> after) {
  if (!before || !after) return "-";
  return fmt::format("{} ({})", bytes_text(*after), growth_text(before, after));
}

std::string tables_section(const JobState& state) {
  HtmlTable table{{"table", "method", "state", "rows", "batches", "rows/s", "HOT", "WAL", "heap",
                   "indexes", "set aside", "time"},
                  3,
                  {}};
  for (const engine::BackfillRecord& backfill : state.backfills) {
    const engine::StepRecord* step = find_step(state, backfill.step_id);
    const double seconds = step == nullptr ? 0 : step->seconds;
    const auto rate = static_cast<double>(backfill.rows) / std::max(seconds, 0.001);
    table.rows.push_back(
        {backfill.table, backfill.method, step == nullptr ? "pending" : step->state,
         grouped(backfill.rows), grouped(backfill.batches),
         backfill.rows > 0 && seconds > 0 ? short_count(rate) : "-",
         hot_text(backfill.hot, backfill.rows),
         backfill.wal_bytes > 0 ? bytes_text(backfill.wal_bytes) : "-",
         size_text(heap_of(backfill.before), heap_of(backfill.after)),
         size_text(indexes_of(backfill.before), indexes_of(backfill.after)),
         grouped(backfill.quarantined), seconds > 0 ? duration_text(seconds) : "-"});
  }
  return table.rows.empty() ? "" : html_section("Backfill by table", html_table(table));
}

std::string throttle_section(const ReportData& data) {
  if (data.throttled.empty()) {
    return html_section("Holding back",
                        html_element("p",
                                     "No sample of the backfill was taken while the writers "
                                     "held back."));
  }
  HtmlTable table{{"since", "reason", "for"}, 2, {}};
  for (const engine::ThrottlePeriod& period : data.throttled) {
    table.rows.push_back({period.since, period.reason, duration_text(period.seconds)});
  }
  return html_section("Holding back", html_table(table));
}

std::string events_section(const std::vector<engine::EventRecord>& events) {
  if (events.empty()) {
    return html_section("Warnings and errors", html_element("p", "None."));
  }
  HtmlTable table{{"at", "level", "message"}, 3, {}};
  const std::size_t left_out = events.size() - std::min(events.size(), kEventsShown);
  for (std::size_t i = left_out; i < events.size(); ++i) {
    table.rows.push_back({whole_seconds(events[i].at), events[i].level, events[i].message});
  }
  std::string html;
  if (left_out > 0) {
    html = html_element("p", fmt::format("The newest; {} older ones are in pgbackfill.event.",
                                         grouped(static_cast<std::int64_t>(left_out))));
  }
  return html_section("Warnings and errors", html + html_table(table));
}

std::string quarantine_section(const ReportData& data) {
  if (data.quarantined.empty()) {
    return html_section("Rows set aside", html_element("p", "None."));
  }
  HtmlTable table{{"table", "key", "why", "at"}, 4, {}};
  for (const QuarantinedRow& row : data.quarantined) {
    table.rows.push_back({row.table, row.key, row.why, row.at});
  }
  const auto shown = static_cast<std::int64_t>(data.quarantined.size());
  return html_section(
      "Rows set aside",
      html_element(
          "p",
          fmt::format(
              "{} rows in pgbackfill.quarantine{}.", grouped(data.quarantined_rows),
              data.quarantined_rows > shown ? fmt::format("; the first {}", grouped(shown)) : "")) +
          html_table(table));
}

std::string irreversible_section(const std::vector<IrreversibleStep>& steps) {
  HtmlTable table{{"state", "table", "step", "why it cannot be taken back"}, 4, {}};
  for (const IrreversibleStep& step : steps) {
    table.rows.push_back({step.done ? "done" : "not done yet", step.table, step.title, step.why});
  }
  std::string html = steps.empty() ? html_element("p", "No step.") : html_table(table);
  html += html_element("p",
                       "What taking back the other steps would lose is said by pgbackfill rollback "
                       "before it changes anything.");
  return html_section("Irreversible", html);
}

}  // namespace

std::string_view job_word(const JobState& state) {
  if (state.job.state != "running") return state.job.state;
  const bool works = std::any_of(
      state.processes.begin(), state.processes.end(), [](const engine::ProcessRecord& process) {
        return process.role == "coordinator" && process.state == "active";
      });
  if (works) return "running";
  const bool failed =
      std::any_of(state.steps.begin(), state.steps.end(),
                  [](const engine::StepRecord& step) { return step.state == "failed"; });
  return failed ? "failed" : "stopped";
}

std::string report_page(const ReportData& data) {
  const std::string title = fmt::format("pgbackfill: job {} in {}, {}", data.state.job.job_id,
                                        data.database, job_word(data.state));
  std::string html = std::string(kPageMark) + "\n<html lang=\"en\">\n<head>\n";
  html += "<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += html_element("title", title) + fmt::format("<style>{}</style>\n", kStyle);
  html += "</head>\n<body>\n<main>\n" + html_element("h1", title);
  html += head_section(data) + failures_section(data.state) + stages_section(data.state);
  html += tables_section(data.state) + html_section("Backfill over time", backfill_charts(data));
  html += throttle_section(data) + events_section(data.events) + quarantine_section(data);
  html += irreversible_section(data.irreversible);
  if (data.verify) html += verify_section(*data.verify, data.other_file);
  html += "</main>\n";
  html += html_element("footer", fmt::format("Written {} by pgbackfill from its ledger. WAL is the "
                                             "server's, whoever wrote it.",
                                             data.written));
  return html + "</body>\n</html>\n";
}

}  // namespace pgbackfill::tools
