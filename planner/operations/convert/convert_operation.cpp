#include "planner/operations/convert/convert_operation.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/identity_lines.hpp"
#include "planner/operations/convert/convert_spec.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/preflight_context.hpp"
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
    if (spec.type != "uuid") {
      section.report(type->position,
                     fmt::format("\"type\" must be uuid, the only conversion there is, not \"{}\"",
                                 spec.type));
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

void refuse_all(PreflightContext& context) {
  for (const ConvertSpec& convert : context.spec.of<ConvertSpec>()) {
    context.refuse(fmt::format("{}", fmt::join(convert.columns, ", ")),
                   "[[convert]] is read but not carried out by this version",
                   fmt::format("convert the columns to {} first, and take the section out of the "
                               "migration file",
                               convert.type));
  }
}

class Convert : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"convert"}}; }
  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    spec.of<ConvertSpec>().push_back(read_convert(value, errors));
  }
  bool asked(const JobSpec& spec) const override { return !spec.of<ConvertSpec>().empty(); }
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
  void preflight(PreflightContext& context) const override { refuse_all(context); }
};

}  // namespace

const Operation& convert_operation() {
  static const Convert operation;
  return operation;
}

}  // namespace pgbackfill::planner
