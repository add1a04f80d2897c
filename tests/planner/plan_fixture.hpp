#pragma once

#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "sql/catalog.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::test {

inline constexpr std::string_view kDefaultOrg = "00000000-0000-0000-0000-000000000001";

/// Builds plans and carries them out statement by statement, as the engine does, without it.
class PlanFixture : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL)");
  }

  static planner::ValueSource constant(std::string_view value = kDefaultOrg) {
    planner::ValueSource source;
    source.constant = value;
    return source;
  }

  static planner::ValueSource from_parent(const std::string& parent, const std::string& via) {
    planner::ValueSource source;
    source.kind = planner::SourceKind::kParent;
    source.parent = parent;
    source.key = via;
    return source;
  }

  static planner::ValueSource from_sql(const std::string& expression) {
    planner::ValueSource source;
    source.kind = planner::SourceKind::kSql;
    source.expression = expression;
    return source;
  }

  static planner::ValueSource from_lookup(const std::string& lookup, const std::string& key) {
    planner::ValueSource source;
    source.kind = planner::SourceKind::kLookup;
    source.lookup = lookup;
    source.key = key;
    return source;
  }

  static planner::TableSpec table(const std::string& name,
                                  std::optional<planner::ValueSource> value = std::nullopt) {
    planner::TableSpec spec;
    spec.name = name;
    spec.value = std::move(value);
    return spec;
  }

  /// [tenant] with the default organization for all, which [[ensure]] inserts.
  static planner::JobSpec job() {
    planner::JobSpec spec;
    spec.tenant.emplace();
    spec.tenant->references_table = "organizations";
    spec.tenant->references_column = "org_id";
    spec.tenant->value = constant();
    spec.of<planner::EnsureSpec>().push_back(
        {"organizations",
         {"org_id"},
         {{"org_id", std::string(kDefaultOrg)}, {"name", "It's default"}},
         "",
         {},
         {}});
    return spec;
  }

  std::vector<planner::Finding> findings(const planner::JobSpec& spec) {
    return planner::preflight(spec, pgbackfill::sql::read_catalog(session()), session());
  }

  planner::Plan plan_of(const planner::JobSpec& spec) {
    for (const planner::Finding& finding : findings(spec)) {
      if (finding.refuses) ADD_FAILURE() << finding.to_string();
    }
    return planner::make_plan(spec, pgbackfill::sql::read_catalog(session()), session());
  }

  bool holds(const std::string& probe) { return session().execute(probe).boolean(0, 0); }

  void statements(const std::vector<std::string>& list, bool alone) {
    if (alone) {
      for (const std::string& statement : list) session().execute(statement);
      return;
    }
    pgbackfill::sql::Transaction transaction(session());
    for (const std::string& statement : list) session().execute(statement);
    transaction.commit();
  }

  void load(const planner::JobSpec& spec, const planner::Step& step) {
    sql(step.sql.front());
    for (const auto& [key, value] : spec.lookup(step.lookup)->entries) {
      sql("INSERT INTO " + step.lookup_table + " VALUES (" + pgbackfill::sql::quote_literal(key) +
          ", " + pgbackfill::sql::quote_literal(value) + ")");
    }
  }

  void fill(const planner::TableBackfill& backfill) {
    for (const planner::Assignment& assignment : backfill.assignments) {
      std::string value = assignment.expression;
      if (assignment.otherwise.kind == planner::Otherwise::Kind::kConstant) {
        value = "COALESCE(" + value + ", " +
                pgbackfill::sql::quote_literal(assignment.otherwise.constant) +
                "::" + assignment.type + ")";
      }
      sql("UPDATE " + backfill.table.quoted() + " AS t SET " +
          pgbackfill::sql::quote_identifier(assignment.column) + " = " + value + " WHERE " +
          assignment.pending);
    }
  }

  /// Carries out the steps from `from` to `to`, each probe asked before and after.
  void run(const planner::JobSpec& spec, const planner::Plan& plan,
           planner::Stage from = planner::Stage::kEnsure,
           planner::Stage to = planner::Stage::kFinish) {
    for (const planner::Step& step : plan.steps) {
      if (step.stage < from || step.stage > to) continue;
      SCOPED_TRACE(step.id);
      // An index of which no partition came or went is valid by itself.
      const bool looks = step.id.find(":whole:") != std::string::npos;
      if (!step.probe.empty()) {
        EXPECT_EQ(holds(step.probe), looks) << step.probe;
      }
      if (step.kind == planner::StepKind::kLookup) {
        load(spec, step);
      } else if (step.kind == planner::StepKind::kBackfill) {
        fill(*step.backfill);
      } else if (step.kind == planner::StepKind::kReconcile) {
        EXPECT_EQ(session().execute(step.sql.front()).rows(), 0) << step.sql.front();
      } else {
        statements(step.sql, step.kind == planner::StepKind::kAlone);
      }
      if (!step.probe.empty()) {
        EXPECT_TRUE(holds(step.probe)) << step.probe;
      }
      if (!step.leftover_probe.empty()) {
        EXPECT_FALSE(holds(step.leftover_probe)) << step.leftover_probe;
      }
    }
  }

  void take_back(const planner::Plan& plan, planner::Stage down_to) {
    for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
      if (step->stage < down_to || step->stage == planner::Stage::kFinish) continue;
      SCOPED_TRACE(step->id);
      EXPECT_EQ(step->irreversible, "");
      statements(step->inverse, step->kind == planner::StepKind::kAlone);
    }
  }

  /// Everything of the application that a job may touch, as text.
  std::string schema_listing() {
    return value(R"(
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
  SELECT format('column %s.%I %s %s %s %s', a.attrelid::regclass, a.attname,
                format_type(a.atttypid, a.atttypmod), a.attnotnull,
                coalesce(pg_get_expr(d.adbin, d.adrelid), '-'), coalesce(a.attacl::text, '-')) AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace
   UNION ALL
  SELECT format('constraint %s %I %s %s', conrelid::regclass, conname, convalidated,
                pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
   UNION ALL
  SELECT format('index %s %s', pg_get_indexdef(indexrelid), indisvalid)
    FROM pg_index JOIN pg_class c ON c.oid = indrelid
   WHERE c.relnamespace = 'public'::regnamespace
   UNION ALL
  SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
   WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace
   UNION ALL
  SELECT format('function %s', oid::regprocedure) FROM pg_proc
   WHERE pronamespace IN ('public'::regnamespace, to_regnamespace('pgbackfill'))
   UNION ALL
  SELECT format('type %s %s', oid::regtype,
                (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_type t WHERE typtype = 'e' AND typnamespace = 'public'::regnamespace) AS all_lines)");
  }
};

}  // namespace pgbackfill::test
