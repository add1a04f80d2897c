#include "engine/ledger/sample_ledger.hpp"

#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::engine {

bool SampleLedger::exists() {
  return connection_.execute("SELECT to_regclass('pgbackfill.sample') IS NOT NULL").boolean(0, 0);
}

std::int64_t SampleLedger::add(const Sample& sample, std::int64_t wal,
                               const std::string& throttle) {
  sql::Params params{std::to_string(job_id_),
                     fmt::format("{:.6f}", sample.seconds),
                     std::to_string(sample.rows),
                     std::to_string(wal),
                     std::nullopt,
                     std::nullopt,
                     throttle};
  if (sample.times) {
    params[4] = fmt::format("{:.3f}", sample.times->p50);
    params[5] = fmt::format("{:.3f}", sample.times->p95);
  }
  return connection_.execute(sql::statement("ledger_add_sample"), params).integer(0, 0);
}

std::vector<Sample> SampleLedger::samples(int most) {
  if (!exists()) return {};
  const sql::Result result = connection_.execute(sql::statement("ledger_samples"),
                                                 {std::to_string(job_id_), std::to_string(most)});
  std::vector<Sample> samples;
  for (int row = 0; row < result.rows(); ++row) {
    Sample sample{result.real(row, 0),    result.real(row, 1),    result.real(row, 2),
                  result.integer(row, 3), result.integer(row, 4), std::nullopt};
    if (!result.is_null(row, 5))
      sample.times = BatchTimes{result.real(row, 5), result.real(row, 6)};
    samples.push_back(sample);
  }
  return samples;
}

std::vector<ThrottlePeriod> SampleLedger::throttled() {
  if (!exists()) return {};
  const sql::Result result =
      connection_.execute(sql::statement("ledger_throttled"), {std::to_string(job_id_)});
  std::vector<ThrottlePeriod> periods;
  for (int row = 0; row < result.rows(); ++row) {
    periods.push_back({result.real(row, 0), result.real(row, 1), std::string(result.text(row, 2)),
                       result.real(row, 3), std::string(result.text(row, 4))});
  }
  return periods;
}

}  // namespace pgbackfill::engine
