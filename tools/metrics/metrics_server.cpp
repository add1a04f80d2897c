#include "engine/engine.hpp"
#include "tools/metrics/metrics.hpp"
#include "tools/progress_lines.hpp"

#include <boost/thread/lock_guard.hpp>
#include <boost/thread/mutex.hpp>
#include <fmt/format.h>

#include <chrono>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

namespace pgbackfill::tools {
namespace {

prometheus::MetricFamily family(const MetricEntry& entry) {
  prometheus::MetricFamily family;
  // The format wants it of counters.
  family.name = std::string(entry.name) + (entry.counter ? "_total" : "");
  family.help = entry.help;
  family.type = entry.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  for (const MetricEntry::Value& value : entry.values) {
    prometheus::ClientMetric metric;
    if (entry.label != nullptr) metric.label.push_back({entry.label, value.label});
    (entry.counter ? metric.counter.value : metric.gauge.value) = value.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

class Collector : public prometheus::Collectable {
 public:
  Collector(const engine::ProgressBoard& board, std::string dsn, std::string schema)
      : board_(board), dsn_(std::move(dsn)), schema_(std::move(schema)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    const boost::lock_guard<boost::mutex> lock(mutex_);
    const std::optional<JobState> state = read_ledger();
    const engine::ProgressSnapshot progress = board_.snapshot();
    rate_.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(),
              progress.rows);
    std::vector<prometheus::MetricFamily> families;
    for (const MetricEntry& entry :
         metric_entries(progress, rate_.per_second(), state ? &*state : nullptr)) {
      if (!entry.values.empty()) families.push_back(family(entry));
    }
    return families;
  }

 private:
  /// A server that cannot be reached just now is for the run to tell of.
  std::optional<JobState> read_ledger() const try {
    if (!session_ || !session_->usable()) session_.emplace(engine::connect(dsn_, schema_));
    return read_job_state(*session_);
  } catch (const std::exception&) {
    session_.reset();
    return std::nullopt;
  }

  const engine::ProgressBoard& board_;
  const std::string dsn_;
  const std::string schema_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  mutable boost::mutex mutex_;
  mutable std::optional<sql::Connection> session_;  // guarded by mutex_
  mutable RateWindow rate_;                         // guarded by mutex_
};

}  // namespace

struct MetricsServer::State {
  std::shared_ptr<Collector> collector;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsServer::MetricsServer(const std::string& address, const engine::ProgressBoard& board,
                             std::string dsn, std::string schema)
    : state_(std::make_unique<State>()) {
  state_->collector = std::make_shared<Collector>(board, std::move(dsn), std::move(schema));
  try {
    state_->exposer = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception&) {
    throw CannotListen(
        fmt::format("--metrics: cannot listen on {}: the address is not of this host, or another "
                    "program has the port; name another, or port 0 for any that is free",
                    address));
  }
  state_->exposer->RegisterCollectable(state_->collector);
}

MetricsServer::~MetricsServer() = default;

int MetricsServer::port() const { return state_->exposer->GetListeningPorts().front(); }

}  // namespace pgbackfill::tools
