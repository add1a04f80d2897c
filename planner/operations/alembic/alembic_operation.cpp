#include "planner/operations/alembic/alembic_operation.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/identity_lines.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_literal;

/// [alembic].
struct AlembicSpec {
  std::string expect;  ///< the revision that the job begins from; empty: any
  std::string stamp;   ///< the one that it ends with; empty: it stays
  std::string table = "alembic_version";
  Position position;

  sql::QualifiedName name(const JobSpec& spec) const { return resolve_name(table, spec.schema); }
};

/// One revision and no other, as a condition.
std::string holds(const sql::QualifiedName& table, const std::string& revision) {
  return fmt::format("(SELECT array_agg(version_num::text) = ARRAY[{}] FROM {}) IS TRUE",
                     quote_literal(revision), table.quoted());
}

std::vector<std::string> revisions(sql::Connection& connection, const sql::QualifiedName& table) {
  const sql::Result rows =
      connection.execute("SELECT version_num FROM " + table.quoted() + " ORDER BY version_num");
  std::vector<std::string> list;
  for (int i = 0; i < rows.rows(); ++i) list.emplace_back(rows.text(i, 0));
  return list;
}

std::string shown_revisions(const std::vector<std::string>& list) {
  return list.empty() ? "no revision" : join(list, ", ");
}

/// From one revision to another; an error where somebody has set a third one meanwhile.
std::string move(const sql::QualifiedName& table, const std::string& from, const std::string& to) {
  const std::string body = fmt::format(
      "BEGIN\n  UPDATE {} SET version_num = {} WHERE {};\n  IF NOT FOUND THEN\n"
      "    RAISE EXCEPTION USING MESSAGE = {};\n  END IF;\nEND",
      table.quoted(), quote_literal(to), holds(table, from),
      quote_literal(fmt::format("{} no longer holds {} alone, so it cannot be set to {}: stamp it "
                                "with alembic",
                                table.display(), from, to)));
  return "DO " + quote_literal(body);
}

AlembicSpec read_alembic(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, "[alembic]", {"expect", "stamp", "table"}, errors);
  AlembicSpec spec;
  spec.position = section.position();
  spec.expect = section.text("expect").value_or("");
  spec.stamp = section.text("stamp").value_or("");
  if (const TomlValue* table = section.find("table", TomlValue::Kind::kString)) {
    check_name(section, "table", {table->text, table->position});
    spec.table = table->text;
  }
  if (!section.has("expect") && !section.has("stamp")) {
    section.report(spec.position, "needs \"expect\", \"stamp\" or both");
  }
  if (!spec.stamp.empty() && spec.stamp == spec.expect) {
    section.report(spec.position, "\"stamp\" must be another revision than \"expect\"");
  }
  return spec;
}

void check_revision(PreflightContext& context, const AlembicSpec& alembic) {
  const sql::QualifiedName table = alembic.name(context.spec);
  const std::vector<std::string> now = revisions(context.connection, table);
  const std::string label = table.display(context.spec.schema);
  if (!alembic.expect.empty() && now != std::vector{alembic.expect}) {
    context.refuse(label,
                   fmt::format("it holds {}, where the migration file expects {}",
                               shown_revisions(now), alembic.expect),
                   fmt::format("run alembic upgrade {} first, or correct \"expect\" of [alembic]",
                               alembic.expect));
  } else if (now.size() != 1) {
    context.refuse(label,
                   fmt::format("it holds {}, so that nothing tells which is to be replaced by {}",
                               shown_revisions(now), alembic.stamp),
                   "bring Alembic's branches together first");
  }
}

class Alembic : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"alembic", false}}; }
  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    if (value.kind != TomlValue::Kind::kTable) return;
    spec.of<AlembicSpec>().push_back(read_alembic(value, errors));
  }
  /// Alone it is no job.
  bool asked(const JobSpec&) const override { return false; }
  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const AlembicSpec& alembic : spec.of<AlembicSpec>()) {
      const std::string table = lines.display(alembic.table);
      if (!alembic.expect.empty()) lines.line("{}: expect {}", table, shown(alembic.expect));
      if (!alembic.stamp.empty()) lines.line("{}: stamp {}", table, shown(alembic.stamp));
    }
  }
  void check_catalog(CatalogCheck& check) const override {
    for (const AlembicSpec& alembic : check.spec.of<AlembicSpec>()) {
      const sql::Table* table =
          check.need_table(alembic.table, alembic.position, "[alembic] table");
      if (table != nullptr) {
        check.need_column(*table, "version_num", alembic.position, "[alembic]");
      }
    }
  }
  void need(const PreflightContext& context, Needs& needs) const override {
    for (const AlembicSpec& alembic : context.spec.of<AlembicSpec>()) {
      const sql::Table* table = context.catalog.table(alembic.name(context.spec));
      if (table == nullptr) continue;
      needs.uses.push_back({table, "SELECT", {"version_num"}, "the job reads it"});
      if (alembic.stamp.empty()) continue;
      needs.uses.push_back({table, "UPDATE", {"version_num"}, "the job sets the revision"});
    }
  }
  void preflight(PreflightContext& context) const override {
    for (const AlembicSpec& alembic : context.spec.of<AlembicSpec>()) {
      check_revision(context, alembic);
    }
  }
  void conclude(PlanContext& context) const override {
    for (const AlembicSpec& alembic : context.spec.of<AlembicSpec>()) {
      if (!alembic.stamp.empty()) stamp(context, alembic);
    }
  }
  void verify(VerifyContext& context) const override {
    for (const AlembicSpec& alembic : context.spec.of<AlembicSpec>()) {
      if (alembic.stamp.empty()) continue;
      const sql::QualifiedName table = alembic.name(context.spec);
      const std::string label = table.display(context.spec.schema);
      const bool there = context.catalog.table(table) != nullptr;
      context.expect(label, "table", there, "the table does not exist");
      if (!there) continue;
      const std::vector<std::string> now = revisions(context.connection, table);
      context.expect(label, "revision", now == std::vector{alembic.stamp},
                     fmt::format("it holds {}, not {}", shown_revisions(now), alembic.stamp));
    }
  }

 private:
  static void stamp(PlanContext& context, const AlembicSpec& alembic) {
    const sql::QualifiedName table = alembic.name(context.spec);
    const std::vector<std::string> now = revisions(context.connection, table);
    if (now.size() != 1) return;  // refused by preflight
    const std::string& from = now.front();
    Step step;
    step.id = kAlembicStamp;
    step.stage = Stage::kFinish;
    step.table = table.display(context.spec.schema);
    step.title = fmt::format("stamp revision {} in place of {}", alembic.stamp, from);
    step.sql = {move(table, from, alembic.stamp)};
    step.probe = "SELECT " + holds(table, alembic.stamp);
    step.inverse = {move(table, alembic.stamp, from)};
    step.losses = {
        fmt::format("SELECT {} || string_agg(version_num, ', ') || {}, true FROM {} HAVING NOT {}",
                    quote_literal(step.table + ": it holds "),
                    quote_literal(fmt::format("; run alembic downgrade {} first", alembic.stamp)),
                    table.quoted(), holds(table, alembic.stamp))};
    context.plan.steps.push_back(std::move(step));
  }
};

}  // namespace

const Operation& alembic_operation() {
  static const Alembic operation;
  return operation;
}

}  // namespace pgbackfill::planner
