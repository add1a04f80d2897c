#pragma once

#include "planner/plan/plan.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

/// Version of the tables in sql/statements/ledger_schema.sql and of the texts kept in them.
inline constexpr int kLedgerFormat = 7;

struct JobRecord {
  int job_id = 0;
  int format = 0;
  std::string fingerprint;
  std::vector<std::string> spec;  ///< planner::canonical_lines
  std::string state;              ///< running | finished | rolling back
  std::string created;            ///< timestamps as the server prints them
  std::string finished;
  std::string throttle;     ///< why a run under way holds back; empty: it does not
  std::string rollback_to;  ///< rolling back: the stage that stays done; empty: none
  std::string backup;       ///< directory of the one made before it; empty: none
};

struct StepRecord {
  std::string step_id;
  std::string stage;
  std::string table;
  std::string title;
  std::string state;  ///< pending | running | done | failed
  std::string started;
  std::string finished;
  double seconds = 0;  ///< of its last try: pauses between runs left out
  std::string error;
  std::int64_t rows = 0;  ///< mended by a comparison with the source
  bool ours = false;      ///< carried out by the job, not found to be so
};

/// Bytes of a table's main fork and of all its indexes.
struct TableSize {
  std::int64_t heap = 0;
  std::int64_t indexes = 0;
};

/// Sums of a backfill step over its ranges.
struct BackfillRecord {
  std::string step_id;
  std::string table;
  std::string method;
  double estimated_rows = 0;
  std::int64_t rows = 0;
  std::int64_t batches = 0;
  std::int64_t ranges = 0;
  std::int64_t ranges_done = 0;
  int rounds = 0;
  std::int64_t quarantined = 0;
  /// Rows whose new version fitted into their page, so that no index was touched; nullopt where
  /// the server does not count them (track_counts = off).
  std::optional<std::int64_t> hot;
  std::int64_t wal_bytes = 0;  ///< the server's meanwhile, shared out among the tables under way
  std::optional<TableSize> before;
  std::optional<TableSize> after;
};

/// Bytes of WAL that the server wrote while a stage ran, for whomever.
struct StageWal {
  std::string stage;
  std::int64_t bytes = 0;
};

/// A piece of a table as the ledger keeps it. Bounds are the text forms of the row key's columns
/// or one block number; an empty vector means unbounded. Half-open: [lower, upper).
struct RangeRecord {
  std::int64_t range_id = 0;
  int round = 0;
  std::vector<std::string> lower;
  std::vector<std::string> upper;
  std::vector<std::string> cursor;  ///< everything before it is done; empty: nothing yet
  bool done = false;
  std::int64_t rows = 0;
  std::int64_t found = 0;
};

/// From columns range_id, round, lower, upper, cursor, state, rows, found, in this order.
RangeRecord read_range(const sql::Result& result, int row);

/// Rows of a table that came without their organization and got it from the job's default or
/// trigger: what will be refused once the stage enforce is through.
struct FillRecord {
  std::string table;
  std::string column;
  std::int64_t rows = 0;
  std::string since;           ///< as the server prints it, to the minute
  std::optional<double> last;  ///< seconds ago; nullopt: none yet
  double quiet = 0;            ///< seconds without one
};

struct EventRecord {
  std::string at;
  std::string level;
  std::string message;
};

/// The durable state of jobs: schema pgbackfill in the target database. Reads and writes through
/// the connection it is given; one owner thread.
class Ledger {
 public:
  explicit Ledger(sql::Connection& connection) noexcept : connection_(connection) {}

  bool exists();
  void create();
  /// The newest job, finished or not.
  std::optional<JobRecord> latest_job();
  /// Its plan, some kB a table; where it only has to be told of, planner::outline() of it will do.
  planner::Plan plan(int job_id);
  planner::Plan outline(int job_id);
  /// Writes the job and all of its steps in one transaction; returns its id.
  int create_job(const std::string& fingerprint, const std::vector<std::string>& spec,
                 const planner::Plan& plan, const std::string& backup);
  /// The job's plan has more steps by now, which are to be done.
  void replace_plan(int job_id, const planner::Plan& plan);
  void finish_job(int job_id);
  /// Keeps why the run holds back, for status; empty: it does not.
  void throttled(int job_id, std::string_view reason);

  /// From now on the job is being taken back to the end of `to`; empty: altogether.
  void begin_rollback(int job_id, std::string_view to);
  /// It is, and `run` may go on with it.
  void end_rollback(int job_id);
  /// Removes the job and, where it was the only one, the ledger. Says what keeps the ledger from
  /// being removed, if something does.
  std::optional<std::string> remove_job(int job_id);

  std::vector<StepRecord> steps(int job_id);
  /// `alone`: it may be carried out without being noted as done.
  void step_running(int job_id, std::string_view step_id, bool alone = false);
  /// Without having been carried out by the job.
  void step_found_done(int job_id, std::string_view step_id);
  bool step_pending(int job_id, std::string_view step_id);
  /// Within the inverse's own transaction, if it has one.
  void step_taken_back(int job_id, std::string_view step_id);
  /// Also within the step's own transaction, so that both are there or neither.
  void step_done(int job_id, std::string_view step_id);
  /// The same for steps that one transaction carries out; they began with it.
  void steps_done(int job_id, const std::vector<std::string>& step_ids);
  /// Counts rows that a comparison mended, in the transaction that did.
  void add_step_rows(int job_id, std::string_view step_id, std::int64_t rows);
  void step_failed(int job_id, std::string_view step_id, std::string_view error);

  std::vector<RangeRecord> ranges(int job_id, std::string_view step_id, int round);
  /// Adds ranges of a new round and returns them with their ids.
  std::vector<RangeRecord> add_ranges(int job_id, std::string_view step_id, int round,
                                      const std::vector<RangeRecord>& ranges);

  /// How many bytes of WAL the server has ever written.
  std::int64_t wal_position();
  /// Adds to each step its share of what the server has written since it had written `since` bytes,
  /// and returns how many it has now.
  std::int64_t share_wal(int job_id, std::int64_t since,
                         const std::map<std::string, double>& shares);
  void add_stage_wal(int job_id, std::string_view stage, std::int64_t bytes);

  /// Of the job, whose plan that is.
  std::vector<BackfillRecord> backfills(int job_id, const planner::Plan& plan);
  std::vector<StageWal> stage_wal(int job_id);
  /// Of the tables whose fill is in place, by name.
  std::vector<FillRecord> fills();
  std::vector<EventRecord> events(int job_id, int limit);
  void event(int job_id, std::string_view level, std::string_view message);

 private:
  void add_steps(int job_id, const planner::Plan& plan);

  sql::Connection& connection_;
};

}  // namespace pgbackfill::engine
