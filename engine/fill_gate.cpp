#include "engine/fill_gate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace pgbackfill::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{500};
constexpr std::chrono::minutes kRepeat{5};

std::string listed(const std::vector<FillRecord>& fills) {
  std::vector<std::string> texts;
  for (const FillRecord& fill : fills) texts.push_back(describe(fill));
  return fmt::format("{}", fmt::join(texts, "; "));
}

void warn(Ledger& ledger, int job_id, const LogSink& log) {
  std::vector<FillRecord> fills = ledger.fills();
  std::erase_if(fills, [](const FillRecord& fill) { return fill.rows == 0; });
  if (fills.empty()) return;
  const std::string text = fmt::format(
      "stage enforce begins, and an application that does not send the column yet will have its "
      "rows refused: {}. To deploy it first: run --until "
      "backfill, deploy, run; or set "
      "enforce_when_quiet",
      listed(fills));
  log(LogLevel::kWarning, text);
  ledger.event(job_id, "warning", text);
}

}  // namespace

std::string describe(const FillRecord& fill) {
  std::string text = fmt::format("{}: {} row{} without {} since {}", fill.table, fill.rows,
                                 fill.rows == 1 ? "" : "s", fill.column, fill.since);
  if (fill.last) text += fmt::format(", the last {:.0f} s ago", *fill.last);
  return text;
}

bool pass_fill_gate(Ledger& ledger, int job_id, const planner::RunOptions& run,
                    const StopSignal& stop, const LogSink& log) {
  if (run.enforce_when_quiet == milliseconds{0}) {
    warn(ledger, job_id, log);
    return true;
  }
  const double wanted = std::chrono::duration<double>(run.enforce_when_quiet).count();
  auto said = std::chrono::steady_clock::time_point::min();
  for (;;) {
    std::vector<FillRecord> fills = ledger.fills();
    std::erase_if(fills, [&](const FillRecord& fill) { return fill.quiet >= wanted; });
    if (fills.empty()) return true;
    const auto now = std::chrono::steady_clock::now();
    if (said == std::chrono::steady_clock::time_point::min() || now - said > kRepeat) {
      const std::string text = fmt::format(
          "stage enforce waits until no row has come without its value for {:.0f} s: {}", wanted,
          listed(fills));
      log(LogLevel::kWarning, text);
      ledger.event(job_id, "warning", text);
      said = now;
    }
    if (!stop.sleep(kLook)) return false;
  }
}

}  // namespace pgbackfill::engine
