#include "bench/report.hpp"

#include "bench/text_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>

namespace pgbackfill::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMegabyte = 1 << 20;

Json to_json(const Measurement& figures) {
  return {
      {"seconds", figures.seconds},           {"rows_per_second", figures.rows_per_second},
      {"hot_ratio", figures.hot_ratio},       {"heap_growth", figures.heap_growth},
      {"index_growth", figures.index_growth}, {"wal_megabytes", figures.wal_megabytes},
      {"cpu_seconds", figures.cpu_seconds},   {"peak_rss_megabytes", figures.peak_rss_megabytes},
      {"connections", figures.connections}};
}

Json to_json(const Cell& cell) {
  return {{"rows", cell.rows},
          {"key", std::string(to_string(cell.key))},
          {"secondary_indexes", cell.indexes},
          {"fillfactor", cell.fillfactor},
          {"width", std::string(to_string(cell.width))}};
}

Json to_json(const CellReport& report) {
  Json result = to_json(report.cell);
  result["heap_bytes"] = report.heap_bytes;
  result["index_bytes"] = report.index_bytes;
  result["rows_per_page"] = report.rows_per_page;
  const auto rival = median_of(report, Contestant::kKeyset);
  for (const Entry& entry : report.entries) {
    const Measurement middle = median(entry.runs);
    Json item = {{"method", std::string(to_string(entry.contestant))},
                 {"fillfactor", entry.cell.fillfactor},
                 {"median", to_json(middle)}};
    if (const auto ratio = ratios(middle, rival)) {
      item["to_keyset"] = {{"rows_per_second", ratio->rows_per_second}, {"wal", ratio->wal}};
    }
    for (const Measurement& run : entry.runs) item["runs"].push_back(to_json(run));
    result["results"].push_back(std::move(item));
  }
  return result;
}

std::string ratio_text(double ratio) { return fmt::format("x{:.2f}", ratio); }

}  // namespace

std::optional<Measurement> median_of(const CellReport& report, Contestant contestant) {
  for (const Entry& entry : report.entries) {
    if (entry.contestant == contestant) return median(entry.runs);
  }
  return std::nullopt;
}

std::optional<Ratios> ratios(const Measurement& figures, const std::optional<Measurement>& rival) {
  if (!rival) return std::nullopt;
  return Ratios{figures.rows_per_second / rival->rows_per_second,
                rival->wal_megabytes > 0 ? figures.wal_megabytes / rival->wal_megabytes : 0};
}

std::string to_text(const Environment& environment) {
  std::string text;
  for (const auto& [name, value] : environment) text += fmt::format("{:<20}{}\n", name, value);
  return text;
}

std::string to_text(const CellReport& report) {
  std::string text =
      fmt::format("{}: heap {:.0f} MB, indexes {:.0f} MB, {:.1f} rows a page\n",
                  describe(report.cell), static_cast<double>(report.heap_bytes) / kMegabyte,
                  static_cast<double>(report.index_bytes) / kMegabyte, report.rows_per_page);
  text += fmt::format("{:<11}{:>10}{:>9}{:>9}{:>6}{:>7}{:>9}{:>8}{:>9}{:>8}{:>8}{:>7}\n", "method",
                      "rows/s", "/keyset", "seconds", "HOT", "heap", "indexes", "WAL MB", "/keyset",
                      "CPU s", "RSS MB", "conns");
  const auto rival = median_of(report, Contestant::kKeyset);
  for (const Entry& entry : report.entries) {
    const Measurement figures = median(entry.runs);
    const auto ratio = ratios(figures, rival);
    text += fmt::format(
        "{:<11}{:>10.0f}{:>9}{:>9.2f}{:>6.2f}{:>7}{:>9}{:>8.0f}{:>9}{:>8.2f}{:>8.0f}{:>7.0f}\n",
        to_string(entry.contestant), figures.rows_per_second,
        ratio ? ratio_text(ratio->rows_per_second) : "-", figures.seconds, figures.hot_ratio,
        ratio_text(figures.heap_growth), ratio_text(figures.index_growth), figures.wal_megabytes,
        ratio ? ratio_text(ratio->wal) : "-", figures.cpu_seconds, figures.peak_rss_megabytes,
        figures.connections);
  }
  return text;
}

void write_json(const std::filesystem::path& path, const Environment& environment,
                const std::vector<std::string>& warnings, const std::vector<CellReport>& reports) {
  Json document = {
      {"environment", Json::object()}, {"warnings", warnings}, {"tables", Json::array()}};
  for (const auto& [name, value] : environment) document["environment"][name] = value;
  for (const CellReport& report : reports) document["tables"].push_back(to_json(report));
  write_file(path, document.dump(2) + "\n");
}

}  // namespace pgbackfill::bench
