#include "engine/opening.hpp"

#include "sql/identifier.hpp"

#include <fmt/format.h>

namespace pgbackfill::engine {

void refuse_read_only(sql::Connection& connection) {
  const sql::Result state = connection.execute(
      "SELECT current_setting('default_transaction_read_only')::boolean, pg_is_in_recovery(), "
      "current_user, current_database()");
  if (!state.boolean(0, 0) || state.boolean(0, 1)) return;
  throw Refused(fmt::format(
      "default_transaction_read_only is on for role {} in database {}, so nothing can be written; "
      "ALTER ROLE {} SET default_transaction_read_only = off, or for this run: "
      "PGOPTIONS='-c default_transaction_read_only=off'",
      state.text(0, 2), state.text(0, 3), sql::quote_identifier(state.text(0, 2))));
}

void refuse_other_format(const JobRecord& job) {
  if (job.format == kLedgerFormat) return;
  throw Refused(
      fmt::format("the ledger has format {}, this version writes format {}; use the version that "
                  "started the job",
                  job.format, kLedgerFormat));
}

std::string difference_text(const JobRecord& job, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : planner::difference(job.spec, lines)) text += "\n  " + line;
  return text;
}

void note(sql::Connection& connection, int job_id, std::string_view level,
          std::string_view message) {
  try {
    if (connection.usable()) Ledger(connection).event(job_id, level, message);
  } catch (const sql::Error&) {
  }
}

}  // namespace pgbackfill::engine
