#include "tools/progress_lines.hpp"

#include "planner/plan/plan.hpp"
#include "tools/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace pgbackfill::tools {
namespace {

struct Glyph {
  std::string_view bytes;
  int columns = 1;
};

/// The next UTF-8 character; broken bytes stand for themselves as one column.
Glyph next_glyph(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  std::size_t length = 1;
  if (lead >= 0xF0) {
    length = 4;
  } else if (lead >= 0xE0) {
    length = 3;
  } else if (lead >= 0xC0) {
    length = 2;
  }
  length = std::min(length, text.size());
  // From U+1100 on, wide scripts begin; counting too many columns only cuts earlier.
  const bool wide = length == 4 || (length == 3 && lead >= 0xE1);
  return {text.substr(0, length), wide ? 2 : 1};
}

int text_columns(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const Glyph glyph = next_glyph(text);
    columns += glyph.columns;
    text.remove_prefix(glyph.bytes.size());
  }
  return columns;
}

std::string pad(std::string_view text, int columns) {
  std::string padded = clip(text, columns);
  padded.append(static_cast<std::size_t>(std::max(0, columns - text_columns(padded))), ' ');
  return padded;
}

std::string bar(double percent, int columns) {
  const int filled = static_cast<int>(percent / 100.0 * columns);
  return fmt::format("[{:#<{}}{:.<{}}]", "", filled, "", columns - filled);
}

/// Estimates may be wrong or missing; then the ranges tell how far a table is.
double table_percent(const engine::TableProgress& table) {
  const bool by_rows = table.round == 0 && table.estimated_rows > 0 &&
                       static_cast<double>(table.rows) <= table.estimated_rows;
  return by_rows ? percent_of(static_cast<double>(table.rows), table.estimated_rows)
                 : percent_of(static_cast<double>(table.ranges_done),
                              static_cast<double>(table.ranges));
}

/// nullopt where nothing tells.
std::optional<double> seconds_left(double rows, double estimated, double rate) {
  if (!(rate > 0) || !(estimated > rows)) return std::nullopt;
  return (estimated - rows) / rate;
}

std::string eta(double rows, double estimated, double rate) {
  const auto left = seconds_left(rows, estimated, rate);
  return left ? "  ETA " + duration_text(*left) : std::string();
}

std::string table_line(const engine::TableProgress& table, double rate, int name_columns,
                       int bar_columns) {
  const double percent = table_percent(table);
  std::string line = "  " + pad(table.table, name_columns) + " ";
  if (bar_columns > 0) line += bar(percent, bar_columns) + " ";
  line += fmt::format("{:5.1f}%  {} rows  {}/s", percent, grouped(table.rows), short_count(rate));
  if (table.round > 0) return line + fmt::format("  sweep {}", table.round);
  return line + eta(static_cast<double>(table.rows), table.estimated_rows, rate);
}

std::string total_text(const ProgressView& view) {
  const engine::ProgressSnapshot& now = view.snapshot;
  const std::int64_t rows = now.rows + now.rows_before;
  const auto done = static_cast<double>(rows);
  std::string text = fmt::format("{} rows", grouped(rows));
  if (now.estimated_rows > 0) {
    text = fmt::format("{} of about {} rows  {:.1f}%", grouped(rows),
                       short_count(std::max(now.estimated_rows, done)),
                       percent_of(done, now.estimated_rows));
  }
  if (view.rate > 0) text += fmt::format("  {} rows/s", short_count(view.rate));
  if (view.mean_rate > 0) text += fmt::format(" (mean {})", short_count(view.mean_rate));
  if (!now.throttle.empty()) text += fmt::format("  ({})", now.throttle);
  return text;
}

/// Of the backfill while it lasts, and of all that comes after it, pauses left out.
std::string eta_text(const ProgressView& view) {
  const engine::ProgressSnapshot& now = view.snapshot;
  if (now.stage > planner::Stage::kBackfill) {
    return now.later > 0 ? "  ETA " + duration_text(now.later) : std::string();
  }
  const auto left =
      seconds_left(static_cast<double>(now.rows + now.rows_before), now.estimated_rows, view.rate);
  if (!left) return {};
  std::string text = "  ETA " + duration_text(*left);
  if (now.later > 0) text += fmt::format(", of all {}", duration_text(*left + now.later));
  return text;
}

/// What the server makes of it, and how long it is to take yet; empty where nothing is known.
std::string pace_text(const ProgressView& view) {
  const engine::ProgressSnapshot& now = view.snapshot;
  std::string text;
  if (now.stage == planner::Stage::kBackfill && now.hot_of > 0) {
    text += fmt::format("  HOT {:.1f}%",
                        percent_of(static_cast<double>(now.hot), static_cast<double>(now.hot_of)));
  }
  if (view.wal_rate >= 1) {
    text += fmt::format("  WAL {}/s", bytes_text(static_cast<std::int64_t>(view.wal_rate)));
  }
  return text + eta_text(view);
}

/// The titles of the steps under way, with how far the server says that an index is.
std::vector<std::string> running_lines(const engine::ProgressSnapshot& now) {
  std::vector<std::string> lines;
  for (const std::string& title : now.running) {
    lines.push_back("  " + title);
    if (const engine::BuildProgress* build = engine::build_of(now.builds, title)) {
      lines.back() += fmt::format("  {:.0f}%, {}", build->share * 100, build->phase);
    }
  }
  return lines;
}

std::string headline(const ProgressView& view) {
  const engine::ProgressSnapshot& now = view.snapshot;
  return fmt::format("{}  {}/{} steps{}{}", planner::to_string(now.stage), now.steps_done,
                     now.steps, now.paused.empty() ? "" : "  ", now.paused);
}

/// Other stages write no rows, or hardly any.
bool has_rows(const ProgressView& view) {
  return !view.snapshot.tables.empty() || (view.snapshot.stage == planner::Stage::kBackfill &&
                                           view.snapshot.rows + view.snapshot.rows_before > 0);
}

/// Adds items while there is room, then says how many were left out.
void add_some(std::vector<std::string>& lines, const std::vector<std::string>& items,
              std::size_t room, std::string_view what) {
  if (items.size() <= room) {
    lines.insert(lines.end(), items.begin(), items.end());
    return;
  }
  if (room == 0) return;
  const auto shown = static_cast<std::ptrdiff_t>(room - 1);
  lines.insert(lines.end(), items.begin(), items.begin() + shown);
  lines.push_back(fmt::format("  … {} more {}", items.size() - room + 1, what));
}

std::vector<std::string> table_lines(const ProgressView& view, int width) {
  int name_columns = 8;
  for (const engine::TableProgress& table : view.snapshot.tables) {
    name_columns = std::max(name_columns, text_columns(table.table));
  }
  name_columns = std::min({name_columns, 32, std::max(8, width / 3)});
  // Name, bar and figures with an ETA take about name + bar + 50 columns.
  const int bar_columns = std::clamp(width - name_columns - 52, 0, 24);
  std::vector<std::string> lines;
  for (const engine::TableProgress& table : view.snapshot.tables) {
    const auto rate = view.table_rates.find(table.step_id);
    lines.push_back(table_line(table, rate == view.table_rates.end() ? 0 : rate->second,
                               name_columns, bar_columns >= 6 ? bar_columns : 0));
  }
  return lines;
}

}  // namespace

void RateWindow::add(double now, std::int64_t rows) {
  samples_.emplace_back(now, rows);
  // The newest sample at or before the window's begin stays: it is where the window begins.
  while (samples_.size() > 2 && samples_[1].first <= now - seconds_) samples_.pop_front();
}

double RateWindow::per_second() const {
  if (samples_.size() < 2) return 0;
  const auto& [first_time, first_rows] = samples_.front();
  const auto& [last_time, last_rows] = samples_.back();
  if (!(last_time > first_time) || last_rows <= first_rows) return 0;
  return static_cast<double>(last_rows - first_rows) / (last_time - first_time);
}

std::string clip(std::string_view text, int columns) {
  std::string kept;
  int used = 0;
  while (!text.empty()) {
    const Glyph glyph = next_glyph(text);
    used += glyph.columns;
    if (used > columns) break;
    const auto lead = static_cast<unsigned char>(glyph.bytes.front());
    if (lead < 0x20 || lead == 0x7F) {
      kept += '?';
    } else {
      kept += glyph.bytes;
    }
    text.remove_prefix(glyph.bytes.size());
  }
  return kept;
}

std::vector<std::string> progress_block(const ProgressView& view, int width, int height) {
  const std::size_t most = static_cast<std::size_t>(std::max(height - 1, 1));
  std::vector<std::string> lines{
      fmt::format("{}  {}", headline(view), duration_text(view.elapsed))};
  std::vector<std::string> last;
  if (has_rows(view)) last.push_back("  total  " + total_text(view));
  if (std::string pace = pace_text(view); !pace.empty()) last.push_back(std::move(pace));
  const auto room = [&] { return most - std::min(most, lines.size() + last.size()); };
  add_some(lines, running_lines(view.snapshot), std::min<std::size_t>(room(), 6), "under way");
  add_some(lines, table_lines(view, width), std::min<std::size_t>(room(), 14), "tables");
  for (std::string& line : last) {
    if (lines.size() < most) lines.push_back(std::move(line));
  }
  for (std::string& line : lines) line = clip(line, std::max(width - 1, 1));
  return lines;
}

std::string progress_line(const ProgressView& view) {
  std::string line = headline(view);
  if (has_rows(view)) line += "  " + total_text(view);
  return line + pace_text(view);
}

}  // namespace pgbackfill::tools
