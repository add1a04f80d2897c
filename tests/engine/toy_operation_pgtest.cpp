#include "engine/verify/verifier.hpp"
#include "planner/backfill/backfill_drafts.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/identity_lines.hpp"
#include "planner/operations/operation.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/verify/verify_context.hpp"
#include "tests/engine/job_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::planner {
namespace {

/// One [[stamp]]: a text column that the job gives a table and fills with one word.
struct StampSpec {
  std::string table;
  std::string word;
  Position position;
};

struct StampWork {
  const StampSpec* spec = nullptr;
  const sql::Table* table = nullptr;
  std::string label;
};

/// An operation as anybody might add one, from the file to verify, in one place.
class Stamp : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"stamp"}}; }

  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    const TomlSection section(value, titled("[[stamp]]", value, "table"), {"table", "word"},
                              errors);
    section.require({"table", "word"});
    spec.of<StampSpec>().push_back({section.text("table").value_or(""),
                                    section.text("word").value_or(""), section.position()});
  }

  bool asked(const JobSpec& spec) const override { return !spec.of<StampSpec>().empty(); }

  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const StampSpec& stamp : spec.of<StampSpec>()) {
      lines.line("stamp {} = {}", lines.display(stamp.table), shown(stamp.word));
    }
  }

  void check_catalog(CatalogCheck& check) const override {
    for (const StampSpec& stamp : check.spec.of<StampSpec>()) {
      static_cast<void>(check.need_table(stamp.table, stamp.position, "[[stamp]] table"));
    }
  }

  void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const override {
    for (const StampSpec& stamp : spec.of<StampSpec>()) {
      const sql::QualifiedName name = resolve_name(stamp.table, spec.schema);
      const sql::Table* table = catalog.table(name);
      if (table != nullptr && table->column("stamp") == nullptr) {
        scope.of<StampWork>().push_back({&stamp, table, name.display(spec.schema)});
      }
    }
  }

  void need(const PreflightContext& context, Needs& needs) const override {
    for (const StampWork& work : context.scope.of<StampWork>())
      needs.alter(*work.table, true, "stamp");
  }

  void preflight(PreflightContext& context) const override {
    for (const StampWork& work : context.scope.of<StampWork>()) {
      if (work.spec->word == "bad") context.refuse(work.label, "the word is bad", "take another");
    }
  }

  void plan(Stage stage, PlanContext& context) const override {
    for (const StampWork& work : context.scope.of<StampWork>()) {
      if (stage == Stage::kExpand) {
        Step step = make_step(stage, work.label, "add-column", "stamp");
        step.title = "add column stamp text";
        step.sql = {alter_table(work.table->name, "ADD COLUMN stamp text")};
        step.inverse = {alter_table(work.table->name, "DROP COLUMN IF EXISTS stamp")};
        step.probe = probe::column_exists(work.table->name, "stamp");
        context.plan.steps.push_back(std::move(step));
        context.new_columns.push_back({work.table, work.label, "stamp"});
      } else if (stage == Stage::kEnforce) {
        add_not_null_steps(context, {work.table, work.label, "stamp", false, "", {}, {}});
      }
    }
  }

  void backfill(const PlanContext& context, BackfillDrafts& drafts) const override {
    for (const StampWork& work : context.scope.of<StampWork>()) {
      Assignment assignment;
      assignment.column = "stamp";
      assignment.type = "text";
      assignment.constant = work.spec->word;
      assignment.expression = constant_expression(work.spec->word, "text");
      assignment.pending = "t.stamp IS NULL";
      for (const sql::Table* leaf : physical_tables(context.catalog, *work.table)) {
        drafts.assign(*leaf, assignment, true);
      }
    }
  }

  void verify(VerifyContext& context) const override {
    for (const StampSpec& stamp : context.spec.of<StampSpec>()) {
      const auto name = resolve_name(stamp.table, context.spec.schema);
      const bool there = context.catalog.table(name)->column("stamp") != nullptr;
      context.expect(stamp.table + ".stamp", "column", there, "the column does not exist");
      if (!there) continue;
      const std::string others =
          describe_rows(context.connection,
                        fmt::format("{} AS t WHERE t.stamp IS DISTINCT FROM {}", name.quoted(),
                                    sql::quote_literal(stamp.word)),
                        key_expression(*context.catalog.table(name), "t"));
      context.expect(stamp.table + ".stamp", "word", others.empty(), others);
    }
  }
};

}  // namespace
}  // namespace pgbackfill::planner

namespace pgbackfill::test {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

class ToyOperation : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    sql("CREATE TABLE notes (note_id serial PRIMARY KEY, body text);"
        "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 500); ANALYZE");
  }
  planner::JobSpec stamp(std::string_view word) {
    return job(
        fmt::format("[[table]]\nname = \"notes\"\n"
                    "[[stamp]]\ntable = \"notes\"\nword = \"{}\"\n",
                    word));
  }

  const planner::Stamp operation_;
};

TEST_F(ToyOperation, IsUnknownUntilItIsAdded) {
  EXPECT_THROW(stamp("new"), planner::SpecErrors);
  const planner::AddedOperation added(operation_);
  EXPECT_NO_THROW(stamp("new"));
}

TEST_F(ToyOperation, GoesFromTheFileToVerifyBesideTheOthers) {
  const planner::AddedOperation added(operation_);
  const auto spec = stamp("new");
  EXPECT_THAT(planner::canonical_lines(spec), Contains("stamp notes = 'new'"));
  EXPECT_FALSE(engine::verify(spec, session()).passed());
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM notes WHERE stamp = 'new' AND org_id IS NOT NULL"), 500);
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass "
                  "AND attname = 'stamp' AND attnotnull"),
            1);
  EXPECT_TRUE(engine::verify(spec, session()).passed());
  sql("UPDATE notes SET stamp = 'old' WHERE note_id = 7");
  EXPECT_THAT(engine::verify(spec, session()).checks,
              Contains(Field(&engine::VerifyCheck::message, HasSubstr("note_id=7"))));
}

TEST_F(ToyOperation, CanRefuse) {
  const planner::AddedOperation added(operation_);
  EXPECT_THROW(run(stamp("bad")), engine::Refused);
  EXPECT_EQ(count("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgbackfill'"), 0);
}

}  // namespace
}  // namespace pgbackfill::test
