#pragma once

#include "engine/progress.hpp"
#include "tools/report.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// One metric with all of its values; each value has one label at most.
struct MetricEntry {
  struct Value {
    std::string label;  ///< of the metric's label name; empty where it has none
    double value = 0;
  };
  const char* name;
  bool counter;  ///< only grows; else a gauge
  const char* label;
  const char* help;
  std::vector<Value> values;
};

/// What a scrape shows: of this process by `progress`, of the whole job by the ledger (nullptr:
/// it could not be read). `rate` in rows per second.
std::vector<MetricEntry> metric_entries(const engine::ProgressSnapshot& progress, double rate,
                                        const JobState* state);

/// Which of a few reasons a text of the throttle means, for a label that has few values.
std::string_view throttle_reason(std::string_view text);

class CannotListen : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Answers Prometheus at http://ADDRESS/metrics for as long as it lives, from threads of its own.
/// What the ledger knows it reads through a session of its own, at each scrape.
class MetricsServer {
 public:
  /// `address` is ADDR:PORT; port 0 takes a free one. Throws CannotListen. `board` outlives it.
  MetricsServer(const std::string& address, const engine::ProgressBoard& board, std::string dsn,
                std::string schema);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  int port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pgbackfill::tools
