#pragma once

#include "engine/ledger/sample_ledger.hpp"
#include "engine/verify/verifier.hpp"
#include "tools/report.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::tools {

struct QuarantinedRow {
  std::string table;
  std::string key;
  std::string why;
  std::string at;
};

/// What a step did that cannot be taken back.
struct IrreversibleStep {
  std::string table;
  std::string title;
  std::string why;
  bool done = false;
};

/// All that the page shows.
struct ReportData {
  JobState state;
  std::string database;
  std::string server;   ///< version
  std::string written;  ///< when, as the server prints it
  std::vector<engine::Sample> samples;
  std::vector<engine::ThrottlePeriod> throttled;
  std::vector<engine::EventRecord> events;  ///< warnings and errors, oldest first
  std::vector<QuarantinedRow> quarantined;  ///< the first of them
  std::int64_t quarantined_rows = 0;        ///< all of them
  std::vector<IrreversibleStep> irreversible;
  std::optional<engine::VerifyReport> verify;
  bool other_file = false;  ///< what was verified is not the job's own file
};

/// Of the newest job. Throws engine::Refused where there is none.
ReportData read_report_data(sql::Connection& connection);

}  // namespace pgbackfill::tools
