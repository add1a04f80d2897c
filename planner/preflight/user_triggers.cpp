#include "planner/preflight/user_triggers.hpp"

#include "planner/preflight/needs.hpp"
#include "planner/preflight/parameters.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/scope.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kParameter = "session_replication_role";

struct Trigger {
  std::string table;
  std::string name;
  bool for_each_row = false;
  bool before = false;
  bool always = false;   ///< fires whatever session_replication_role is
  bool replica = false;  ///< fires only where it is replica
};

/// "touch of bookings and users, audit of bookings": each trigger's name once.
std::string listed(const std::vector<Trigger>& triggers) {
  std::vector<std::pair<std::string, std::vector<std::string>>> tables_of;
  for (const Trigger& trigger : triggers) {
    const auto found = std::find_if(tables_of.begin(), tables_of.end(),
                                    [&](const auto& entry) { return entry.first == trigger.name; });
    if (found == tables_of.end()) {
      tables_of.push_back({trigger.name, {trigger.table}});
    } else {
      found->second.push_back(trigger.table);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [name, tables] : tables_of) {
    parts.push_back(fmt::format("{} of {}", name, fmt::join(tables, ", ")));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

template <typename Predicate>
std::vector<Trigger> those(const std::vector<Trigger>& triggers, Predicate holds) {
  std::vector<Trigger> found;
  std::copy_if(triggers.begin(), triggers.end(), std::back_inserter(found), holds);
  return found;
}

class TriggerCheck {
 public:
  TriggerCheck(const std::vector<WrittenTable>& tables, const std::string& schema,
               sql::Connection& connection)
      : tables_(tables), schema_(schema), connection_(connection) {
    std::vector<std::string> names;
    std::vector<std::string> columns;
    for (const WrittenTable& table : tables) {
      names.push_back(table.table.quoted());
      columns.push_back(sql::text_array_literal(table.columns));
    }
    written_ = {sql::text_array_literal(names), sql::text_array_literal(columns)};
  }

  std::vector<Finding> run(UserTriggers choice) {
    const std::vector<Trigger> all = read();
    const sql::Result session = connection_.execute(
        "SELECT current_setting('session_replication_role') = 'replica', current_user");
    role_ = session.text(0, 1);
    const bool skips = choice == UserTriggers::kSkip;
    const bool replica = skips || session.boolean(0, 0);
    const auto fires = [&](const Trigger& trigger) {
      return trigger.always || trigger.replica == replica;
    };
    const auto row = those(all, [&](const Trigger& t) { return fires(t) && t.for_each_row; });
    const auto statement =
        those(all, [&](const Trigger& t) { return fires(t) && !t.for_each_row; });
    if (skips) {
      check_skip(row, those(all, [&](const Trigger& t) { return !fires(t); }));
    } else if (!row.empty()) {
      choice == UserTriggers::kFire ? add(false, consequence(row), "") : refuse(row);
    }
    if (!statement.empty()) {
      add(false, fmt::format("once for every batch: {}", listed(statement)),
          "see that they do nothing that a change of value should not");
    }
    return std::move(findings_);
  }

 private:
  void add(bool refuses, const std::string& message, const std::string& advice) {
    findings_.push_back({refuses,
                         "user triggers",
                         refuses ? message : "they run as pgbackfill writes: " + message,
                         advice,
                         {}});
  }

  std::vector<Trigger> read() {
    const sql::Result rows = connection_.execute(sql::statement("user_triggers"), written_);
    std::vector<Trigger> triggers;
    for (int row = 0; row < rows.rows(); ++row) {
      const sql::QualifiedName table{std::string(rows.text(row, 0)),
                                     std::string(rows.text(row, 1))};
      triggers.push_back({table.display(schema_), std::string(rows.text(row, 2)),
                          rows.boolean(row, 3), rows.boolean(row, 4), rows.boolean(row, 5),
                          rows.boolean(row, 6)});
    }
    return triggers;
  }

  /// What it means that they run for every row.
  std::string consequence(const std::vector<Trigger>& triggers) const {
    const auto before = those(triggers, [](const Trigger& trigger) { return trigger.before; });
    const auto after = those(triggers, [](const Trigger& trigger) { return !trigger.before; });
    std::vector<std::string> parts;
    if (!before.empty()) {
      parts.push_back(listed(before) + " may change other columns of each row besides");
    }
    if (!after.empty()) {
      parts.push_back(listed(after) + " act" + (after.size() == 1 ? "s" : "") +
                      " once for each row");
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }

  void refuse(const std::vector<Trigger>& triggers) {
    std::string skip = "leaves them out for the rows that pgbackfill writes";
    if (!may_skip()) {
      skip += fmt::format(" (role {} may not set it: {})", role_, remedy_for_set(connection_));
    }
    add(true, fmt::format("they would run for every row that the job writes: {}", listed(triggers)),
        fmt::format("choose in [run] or by --user-triggers: \"fire\" runs them, so that {}; "
                    "\"skip\" {}, by session_replication_role = replica; or keep \"refuse\" and "
                    "drop or disable them for as long as the job runs",
                    consequence(triggers), skip));
    const std::string grant = grant_to_set(connection_, kParameter, role_);
    if (!may_skip() && !grant.empty()) findings_.back().statements = {grant};
  }

  void check_skip(const std::vector<Trigger>& fire_all_the_same,
                  const std::vector<Trigger>& skipped) {
    if (tables_.empty()) return;
    if (!may_skip()) {
      findings_.push_back(not_allowed_to_set(connection_, "user triggers", kParameter, role_,
                                             "choose user_triggers = \"fire\""));
      return;
    }
    if (!fire_all_the_same.empty()) {
      add(true,
          fmt::format("they are enabled ALWAYS or for REPLICA, so that user_triggers = \"skip\" "
                      "does not keep them from running for every row: {}",
                      listed(fire_all_the_same)),
          "ALTER TABLE … ENABLE TRIGGER … or DISABLE TRIGGER … for as long as the job runs");
    }
    check_constraints();
    if (!skipped.empty()) {
      findings_.push_back(
          {false,
           "user triggers",
           fmt::format("they do not run for the rows that pgbackfill writes: {}", listed(skipped)),
           "",
           {}});
    }
  }

  /// The server checks these by triggers too, which are skipped with the others.
  void check_constraints() {
    const sql::Result rows = connection_.execute(sql::statement("trigger_checks"), written_);
    std::vector<std::string> unchecked;
    for (int row = 0; row < rows.rows(); ++row) {
      const sql::QualifiedName table{std::string(rows.text(row, 0)),
                                     std::string(rows.text(row, 1))};
      unchecked.push_back(fmt::format("{} of {}", rows.text(row, 2), table.display(schema_)));
    }
    if (unchecked.empty()) return;
    add(true,
        fmt::format(
            "user_triggers = \"skip\" would leave constraints unchecked that cover a column "
            "of the job: {}",
            fmt::join(unchecked, ", ")),
        "drop them until the job is done (it adds its own foreign key), or choose \"fire\"");
  }

  bool may_skip() {
    if (!may_skip_) may_skip_ = may_set(connection_, kSkipTriggers);
    return *may_skip_;
  }

  const std::vector<WrittenTable>& tables_;
  const std::string& schema_;
  sql::Connection& connection_;
  sql::Params written_;
  std::string role_;
  std::optional<bool> may_skip_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<WrittenTable> written_tables(const Plan& plan, const std::set<std::string>& done) {
  std::set<std::string> swept;
  std::set<std::string> reconciled;
  for (const Step& step : plan.steps) {
    if (done.contains(step.id)) continue;
    swept.insert(step.sweep.begin(), step.sweep.end());
    if (step.kind == StepKind::kReconcile) reconciled.insert(step.table);
  }
  std::vector<WrittenTable> tables;
  for (const Step& step : plan.steps) {
    if (!step.backfill || step.backfill->method == Method::kCatalog) continue;
    if (done.contains(step.id) && !swept.contains(step.id) && !reconciled.contains(step.table)) {
      continue;
    }
    WrittenTable table{step.backfill->table, {}};
    for (const Assignment& assignment : step.backfill->assignments) {
      table.columns.push_back(assignment.column);
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<Finding> check_user_triggers(const std::vector<WrittenTable>& tables,
                                         UserTriggers choice, const std::string& schema,
                                         sql::Connection& connection) {
  return TriggerCheck(tables, schema, connection).run(choice);
}

void check_user_triggers(PreflightContext& context, const Needs& needs) {
  std::vector<WrittenTable> tables;
  for (const auto& [table, rewritten] : needs.altered) {
    if (!rewritten) continue;
    const auto columns = needs.written.find(table);
    for (const sql::Table* part : physical_tables(context.catalog, *table)) {
      tables.push_back({part->name, columns == needs.written.end() ? std::vector<std::string>{}
                                                                   : columns->second});
    }
  }
  for (Finding& finding : check_user_triggers(tables, context.spec.run.user_triggers,
                                              context.spec.schema, context.connection)) {
    context.findings.push_back(std::move(finding));
  }
}

}  // namespace pgbackfill::planner
