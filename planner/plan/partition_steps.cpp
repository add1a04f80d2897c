#include "planner/plan/partition_steps.hpp"

#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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
  std::string gone = probe::no(probe::is_partition(partition));
  step.probe =
      step.probe.empty() ? std::move(gone) : probe::either(std::move(gone), std::move(step.probe));
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
  // First from above, what is missing below each level; then from below, since a level is valid
  // only once those below it are. The server's own text of an index begins as `head` says.
  const std::string body = fmt::format(
      "DECLARE\n"
      "  level record;\n"
      "  lacking record;\n"
      "BEGIN\n"
      "  FOR level IN SELECT t.relid AS whole, c.relname AS name, x.indrelid AS relation,\n"
      "      CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END AS kind,\n"
      "      format(' ON ONLY %I.%I ', n.nspname, r.relname) AS head,\n"
      "      pg_catalog.pg_get_indexdef(t.relid) AS text\n"
      "    FROM pg_catalog.pg_partition_tree({0}::regclass) AS t\n"
      "    JOIN pg_catalog.pg_class AS c ON c.oid = t.relid AND c.relkind = 'I'\n"
      "    JOIN pg_catalog.pg_index AS x ON x.indexrelid = t.relid\n"
      "    JOIN pg_catalog.pg_class AS r ON r.oid = x.indrelid\n"
      "    JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace\n"
      "    ORDER BY t.level\n"
      "  LOOP\n"
      "    FOR lacking IN SELECT c.oid::regclass AS leaf, n.nspname,\n"
      "        left(level.name || '_' || c.relname, 63) AS wanted\n"
      "      FROM pg_catalog.pg_inherits AS i\n"
      "      JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relispartition\n"
      "      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace\n"
      "      WHERE i.inhparent = level.relation\n"
      "        AND to_jsonb(i) ->> 'inhdetachpending' IS DISTINCT FROM 'true'\n"
      "        AND NOT EXISTS (SELECT FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_inherits "
      "AS h\n"
      "          ON h.inhrelid = x.indexrelid AND h.inhparent = level.whole\n"
      "          WHERE x.indrelid = i.inhrelid)\n"
      "    LOOP\n"
      "      EXECUTE format('CREATE %sINDEX %I ON %s ', level.kind, lacking.wanted, lacking.leaf)\n"
      "        || substr(level.text, length(format('CREATE %sINDEX %I', level.kind, level.name)\n"
      "          || level.head) + 1);\n"
      "      EXECUTE format('ALTER INDEX %s ATTACH PARTITION %I.%I', level.whole, "
      "lacking.nspname,\n"
      "        lacking.wanted);\n"
      "    END LOOP;\n"
      "  END LOOP;\n"
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
