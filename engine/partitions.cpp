#include "engine/partitions.hpp"

#include "engine/ddl/ddl_runner.hpp"
#include "engine/ledger/ledger.hpp"
#include "planner/plan/partition_steps.hpp"
#include "sql/catalog.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::engine {
namespace {

using planner::Step;

/// What the server knows of a partition of the plan.
struct Standing {
  bool exists = false;
  bool is_partition = false;
};

/// One look at a job's partitions.
class PartitionWatch {
 public:
  PartitionWatch(const planner::Plan& plan, int job_id, sql::Connection& connection,
                 const LogSink& log)
      : plan_(plan), job_id_(job_id), connection_(connection), ledger_(connection), log_(log) {}

  /// Whether a step has another state now.
  bool settle() {
    look();
    if (standing_.empty()) return false;
    std::map<std::string, StepRecord, std::less<>> records;
    for (StepRecord& record : ledger_.steps(job_id_)) {
      std::string id = record.step_id;
      records.emplace(std::move(id), std::move(record));
    }
    bool changed = false;
    for (const Step& step : plan_.steps) {
      const auto record = records.find(step.id);
      if (step.partition.empty() || record == records.end()) continue;
      changed = settle(step, record->second) || changed;
    }
    return changed;
  }

  /// The plan with the steps of partitions that came; nothing where none did.
  std::optional<planner::Plan> extended(const planner::JobSpec& spec) {
    if (!has_newcomers()) return std::nullopt;
    const sql::Catalog catalog = sql::read_catalog(connection_);
    planner::Plan plan =
        planner::with_new_partitions(plan_, planner::make_plan(spec, catalog, connection_));
    if (plan.steps.size() == plan_.steps.size()) return std::nullopt;
    std::set<std::string> told;
    for (const Step& step : plan.steps) {
      if (plan_.step(step.id) != nullptr || !told.insert(step.partition).second) continue;
      tell(fmt::format("{} has become a partition; the job takes it along", step.partition));
    }
    ledger_.replace_plan(job_id_, plan);
    return plan;
  }

 private:
  void look() {
    std::set<std::string> names;
    for (const Step& step : plan_.steps) {
      if (!step.partition.empty()) names.insert(step.partition);
    }
    if (names.empty()) return;
    const std::vector<std::string> list(names.begin(), names.end());
    const sql::Result rows = connection_.execute(
        "SELECT u.name, c.oid IS NOT NULL, coalesce(c.relispartition, false) "
        "FROM unnest($1::text[]) AS u (name) "
        "LEFT JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(u.name)",
        {sql::text_array_literal(list)});
    for (int row = 0; row < rows.rows(); ++row) {
      standing_[std::string(rows.text(row, 0))] = {rows.boolean(row, 1), rows.boolean(row, 2)};
    }
  }

  bool settle(const Step& step, const StepRecord& record) {
    const bool open = record.state != "done";
    const bool over = is_over(step);
    if (open && over) {
      ledger_.step_found_done(job_id_, step.id);
      if (told_.insert(step.partition).second) {
        tell(fmt::format("{}; what the job had still to do there falls away",
                         standing_[step.partition].exists
                             ? step.partition + " is no partition any more"
                             : "partition " + step.partition + " does not exist any more"));
      }
    } else if (!open && !record.ours && !over && is_back(step)) {
      ledger_.step_taken_back(job_id_, step.id);
      return true;
    }
    const bool forgot = over && step.backfill && forget_rows(step);
    return (open && over) || forgot;
  }

  /// A table that was detached is filled all the same, if that was planned.
  bool is_over(const Step& step) const {
    const Standing& standing = standing_.at(step.partition);
    const bool reads_rows = step.backfill || step.kind == planner::StepKind::kReconcile;
    return reads_rows ? !standing.exists : !standing.is_partition;
  }

  /// It was found to have nothing to do because of a partition that was not there.
  bool is_back(const Step& step) { return step.probe.empty() || !holds(connection_, step.probe); }

  /// Rows set aside went with their table.
  bool forget_rows(const Step& step) {
    return connection_
               .execute(
                   "DELETE FROM pgbackfill.quarantine WHERE job_id = $1::integer "
                   "AND step_id = $2",
                   {std::to_string(job_id_), step.id})
               .affected() > 0;
  }

  /// A partitioned table of the plan has a leaf that is not among the partitions of its steps.
  bool has_newcomers() {
    std::set<std::string> tables;
    std::set<std::string> partitions;
    for (const Step& step : plan_.steps) {
      if (!step.table.empty()) tables.insert(step.table);
      if (!step.partition.empty()) partitions.insert(step.partition);
    }
    return connection_
        .execute(
            "SELECT EXISTS (SELECT FROM unnest($1::text[]) AS u (name) "
            "JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(u.name) AND c.relkind = 'p' "
            "CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) AS t "
            "WHERE t.isleaf AND t.relid <> c.oid AND t.relid NOT IN (SELECT to_regclass(known) "
            "FROM unnest($2::text[]) AS known WHERE to_regclass(known) IS NOT NULL))",
            {sql::text_array_literal({tables.begin(), tables.end()}),
             sql::text_array_literal({partitions.begin(), partitions.end()})})
        .boolean(0, 0);
  }

  void tell(const std::string& text) {
    log_(LogLevel::kWarning, text);
    ledger_.event(job_id_, "warning", text);
  }

  const planner::Plan& plan_;
  const int job_id_;
  sql::Connection& connection_;
  Ledger ledger_;
  const LogSink& log_;
  std::map<std::string, Standing> standing_;
  std::set<std::string> told_;
};

}  // namespace

std::optional<planner::Plan> follow_partitions(const planner::JobSpec& spec,
                                               const planner::Plan& plan, int job_id,
                                               sql::Connection& connection, const LogSink& log) {
  PartitionWatch watch(plan, job_id, connection, log);
  const bool settled = watch.settle();
  if (auto extended = watch.extended(spec)) return extended;
  return settled ? std::optional(plan) : std::nullopt;
}

}  // namespace pgbackfill::engine
