#include "planner/operations/convert/convert_operation.hpp"

#include "planner/backfill/backfill_drafts.hpp"
#include "planner/file/distinct.hpp"
#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/identity_lines.hpp"
#include "planner/operations/convert/convert_checks.hpp"
#include "planner/operations/convert/convert_plan.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pgbackfill::planner {
namespace {

ConvertSpec read_convert(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, "[[convert]]", {"columns", "type"}, errors);
  section.require({"columns", "type"});
  ConvertSpec spec;
  spec.position = section.position();
  for (const PlacedText& column : section.texts("columns")) {
    spec.columns.push_back(column.text);
    if (!split_column(column.text)) {
      section.report(column.position,
                     fmt::format("\"{}\" must be written table.column", column.text));
    }
  }
  if (const TomlValue* type = section.find("type", TomlValue::Kind::kString)) {
    spec.type = type->text;
    if (const std::string known = normalise_type(spec.type); known != "uuid" && known != "bigint") {
      section.report(type->position,
                     fmt::format("\"type\" must be uuid or bigint, not \"{}\"", spec.type));
    }
  }
  return spec;
}

void check_columns(CatalogCheck& check, const ConvertSpec& convert) {
  for (const std::string& written : convert.columns) {
    const auto reference = split_column(written);
    if (!reference) continue;
    const sql::Table* table =
        check.need_table(reference->table, convert.position, "[[convert]] table");
    if (table != nullptr) {
      check.need_column(*table, reference->column, convert.position, "[[convert]]");
    }
  }
}

Assignment shadow_assignment(const ConvertColumn& column) {
  Assignment assignment;
  assignment.column = column.shadow;
  assignment.type = column.type;
  assignment.resolve = ResolveKind::kServer;
  assignment.input = column.column->name;
  assignment.input_type = column.column->type;
  assignment.expression = new_value(column, "t");
  assignment.pending =
      fmt::format("t.{} IS NOT NULL AND t.{} IS NULL", sql::quote_identifier(assignment.input),
                  sql::quote_identifier(assignment.column));
  return assignment;
}

class Convert : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"convert"}}; }
  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    spec.of<ConvertSpec>().push_back(read_convert(value, errors));
  }
  bool asked(const JobSpec& spec) const override { return !spec.of<ConvertSpec>().empty(); }
  void check_rules(const JobSpec& spec, std::vector<SpecError>& errors) const override {
    std::map<std::pair<sql::QualifiedName, std::string>, Position> columns;
    for (const ConvertSpec& convert : spec.of<ConvertSpec>()) {
      for (const std::string& written : convert.columns) {
        const auto reference = split_column(written);
        if (!reference) continue;
        add_distinct(columns, {resolve_name(reference->table, spec.schema), reference->column},
                     "convert", written, convert.position, errors);
      }
    }
  }
  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const ConvertSpec& convert : spec.of<ConvertSpec>()) {
      lines.line("convert {} = {}", fmt::join(convert.columns, ", "), convert.type);
    }
  }
  void check_catalog(CatalogCheck& check) const override {
    for (const ConvertSpec& convert : check.spec.of<ConvertSpec>()) check_columns(check, convert);
  }
  std::optional<std::string> final_type(const JobSpec& spec, const sql::Table& table,
                                        const sql::Column& column) const override {
    for (const ConvertSpec& convert : spec.of<ConvertSpec>()) {
      for (const std::string& written : convert.columns) {
        const auto reference = split_column(written);
        if (reference && reference->column == column.name &&
            resolve_name(reference->table, spec.schema) == table.name) {
          return normalise_type(convert.type);
        }
      }
    }
    return std::nullopt;
  }
  void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const override {
    resolve_convert(spec, catalog, scope);
  }
  void need(const PreflightContext& context, Needs& needs) const override {
    for (const ConvertColumn& column : context.scope.of<ConvertColumn>()) {
      needs.alter(*column.table, true);
    }
  }
  void preflight(PreflightContext& context) const override { check_convert(context); }
  void plan(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kExpand) plan_convert_expand(context);
    if (stage == Stage::kEnforce) plan_convert_enforce(context);
    if (stage == Stage::kFinish) plan_convert_finish(context);
  }
  void plan_last(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kEnforce) plan_convert_swap(context);
  }
  void backfill(const PlanContext& context, BackfillDrafts& drafts) const override {
    for (const ConvertColumn& column : context.scope.of<ConvertColumn>()) {
      drafts.assign(*column.table, shadow_assignment(column), true);
    }
  }
  void verify(VerifyContext& context) const override { verify_convert(context); }
};

}  // namespace

const Operation& convert_operation() {
  static const Convert operation;
  return operation;
}

}  // namespace pgbackfill::planner
