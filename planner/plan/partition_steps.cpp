#include "planner/plan/partition_steps.hpp"

#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {
namespace {

using sql::quote_literal;
using Ids = std::set<std::string, std::less<>>;

/// Of all its steps; of one that is about none, "".
Ids partitions_of(const Plan& plan) {
  Ids partitions{""};
  for (const Step& step : plan.steps) partitions.insert(step.partition);
  return partitions;
}

/// Ids that the plan has and the list lacks.
void add_missing(std::vector<std::string>& ids, const std::vector<std::string>& more,
                 const Ids& added) {
  for (const std::string& id : more) {
    if (added.contains(id) && std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
}

/// Only what is in the plan can be waited for.
void keep_known(std::vector<std::string>& ids, const Plan& plan) {
  std::erase_if(ids, [&](const std::string& id) { return plan.step(id) == nullptr; });
}

/// Behind the step before it of the same stage, else as the stage's first.
std::vector<Step>::iterator place_of(Plan& plan, const Step& step,
                                     const std::vector<std::string_view>& before) {
  for (auto id = before.rbegin(); id != before.rend(); ++id) {
    const auto found = std::find_if(plan.steps.begin(), plan.steps.end(), [&](const Step& other) {
      return other.id == *id && other.stage == step.stage;
    });
    if (found != plan.steps.end()) return found + 1;
  }
  return std::find_if(plan.steps.begin(), plan.steps.end(),
                      [&](const Step& other) { return other.stage >= step.stage; });
}

}  // namespace

void on_partition(Step& step, const sql::QualifiedName& partition) {
  step.partition = partition.quoted();
  step.probe = probe::either(
      fmt::format("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass({}) "
                  "AND relispartition)",
                  quote_literal(step.partition)),
      step.probe);
}

void on_partition_index(Step& step, const sql::QualifiedName& partition,
                        const sql::QualifiedName& parent) {
  step.probe = probe::either(
      fmt::format("SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_index "
                  "AS x ON x.indexrelid = i.inhrelid WHERE i.inhparent = to_regclass({}) AND "
                  "x.indrelid = to_regclass({}))",
                  quote_literal(parent.quoted()), quote_literal(partition.quoted())),
      step.probe);
  on_partition(step, partition);
}

std::string make_index_valid(const sql::QualifiedName& index, Stage stage) {
  // From below, since a level is valid only once those below it are.
  const std::string body = fmt::format(
      "DECLARE\n"
      "  level record;\n"
      "BEGIN\n"
      "  FOR level IN SELECT t.relid AS whole, (SELECT min(i.inhrelid::oid)::regclass\n"
      "      FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = t.relid) AS part\n"
      "    FROM pg_catalog.pg_partition_tree({0}::regclass) AS t\n"
      "    JOIN pg_catalog.pg_class AS c ON c.oid = t.relid AND c.relkind = 'I'\n"
      "    ORDER BY t.level DESC\n"
      "  LOOP\n"
      "    CONTINUE WHEN level.part IS NULL OR\n"
      "      (SELECT x.indisvalid FROM pg_catalog.pg_index AS x WHERE x.indexrelid = "
      "level.whole);\n"
      "    EXECUTE pg_catalog.format('ALTER INDEX %s ATTACH PARTITION %s', level.whole, "
      "level.part);\n"
      "  END LOOP;\n"
      "  IF NOT (SELECT x.indisvalid FROM pg_catalog.pg_index AS x WHERE x.indexrelid = "
      "{0}::regclass) THEN\n"
      "    RAISE EXCEPTION 'index % is invalid: a partition came or went while its parts were "
      "attached, and this server does not look again; take the stage back with `pgbackfill "
      "rollback --to {1}` and run again', {0};\n"
      "  END IF;\n"
      "END",
      quote_literal(index.quoted()), to_string(static_cast<Stage>(static_cast<int>(stage) - 1)));
  return "DO " + quote_literal(body);
}

bool has_unplanned_partition(const Plan& plan, const Scope& scope) {
  const auto known = partitions_of(plan);
  for (const ValueWork* work : scope.values()) {
    if (work->table->kind != 'p') continue;
    for (const sql::QualifiedName& leaf : work->table->leaves) {
      if (!known.contains(leaf.quoted())) return true;
    }
  }
  return false;
}

Plan with_new_partitions(const Plan& plan, const Plan& fresh) {
  const auto known = partitions_of(plan);
  Plan result = plan;
  Ids added;
  std::vector<std::string_view> before;
  for (const Step& step : fresh.steps) {
    if (!known.contains(step.partition) && result.step(step.id) == nullptr) {
      result.steps.insert(place_of(result, step, before), step);
      added.insert(step.id);
    }
    before.push_back(step.id);
  }
  if (added.empty()) return result;
  for (Step& step : result.steps) {
    if (added.contains(step.id)) {
      keep_known(step.after, result);
    } else if (const Step* now = fresh.step(step.id)) {
      add_missing(step.after, now->after, added);
      add_missing(step.sweep, now->sweep, added);
    }
  }
  return result;
}

}  // namespace pgbackfill::planner
