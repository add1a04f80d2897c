#include "planner/operations/enum/enum_operation.hpp"

#include "planner/backfill/backfill_drafts.hpp"
#include "planner/file/distinct.hpp"
#include "planner/file/nearest_name.hpp"
#include "planner/identity_lines.hpp"
#include "planner/operations/enum/enum_checks.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/enum_section.hpp"
#include "planner/operations/enum/enum_value.hpp"
#include "planner/operations/enum/enum_work.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

void identify_type(const std::string& name, const EnumSpec& type, IdentityLines& lines) {
  lines.line("enum {}: values = {}", name, shown_list(type.values));
  if (!type.map.empty()) lines.line("enum {}: map = {}", name, shown_map(type.map));
  if (!type.unmap.empty()) lines.line("enum {}: unmap = {}", name, shown_map(type.unmap));
  for (const auto& [label, parts] : type.when) {
    for (const auto& [to, condition] : parts) {
      lines.line("enum {}: {} is {} when {}", name, shown(label), shown(to), shown(condition));
    }
  }
  lines.line("enum {}: on unmapped = {}", name,
             type.on_unmapped ? shown(*type.on_unmapped) : "fail");
  lines.line("enum {}: order = {}", name, type.strict_order ? "strict" : "any");
}

void check_type(CatalogCheck& check, const EnumSpec& type) {
  const sql::QualifiedName name = resolve_name(type.type, check.spec.schema);
  if (check.catalog.enum_type(name) != nullptr) return;
  for (const sql::Table& table : check.catalog.tables) {
    for (const sql::Column& column : table.columns) {
      if (column.type_name != name) continue;
      check.report(type.position, "[[enum]] \"{}\" is {}, not an enum", type.type,
                   column.type_kind == 'd' ? "a domain" : "another kind of type");
      return;
    }
  }
  std::vector<std::string> names;
  for (const sql::EnumType& known : check.catalog.enums) {
    names.push_back(known.name.display(check.spec.schema));
  }
  check.report(type.position, "[[enum]] \"{}\": database \"{}\" has no such type{}", type.type,
               check.catalog.database, did_you_mean(type.type, names));
}

class Enum : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"enum"}}; }

  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    spec.of<EnumSpec>().push_back(read_enum(value, errors));
  }

  bool asked(const JobSpec& spec) const override { return !spec.of<EnumSpec>().empty(); }

  void check_rules(const JobSpec& spec, std::vector<SpecError>& errors) const override {
    std::map<sql::QualifiedName, Position> types;
    for (const EnumSpec& type : spec.of<EnumSpec>()) {
      if (type.type.empty()) continue;
      add_distinct(types, resolve_name(type.type, spec.schema), "enum", type.type, type.position,
                   errors);
    }
  }

  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const auto& [name, type] : sorted(
             spec.of<EnumSpec>(), [&](const EnumSpec& type) { return lines.display(type.type); })) {
      identify_type(name, *type, lines);
    }
  }

  void check_catalog(CatalogCheck& check) const override {
    for (const EnumSpec& type : check.spec.of<EnumSpec>()) check_type(check, type);
  }

  void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const override {
    for (const EnumSpec& type : spec.of<EnumSpec>()) {
      if (auto work = resolve_enum(spec, catalog, type)) scope.of<EnumWork>().push_back(*work);
    }
  }

  void need(const PreflightContext& context, Needs& needs) const override {
    for (const EnumWork& work : context.scope.of<EnumWork>()) {
      if (work.path == EnumPath::kNone) continue;
      const bool shadow = work.path == EnumPath::kShadow;
      needs.types.push_back({work.type->name, work.type->owner, work.type->owned, shadow});
      if (!shadow) continue;
      for (const sql::EnumDomain& domain : work.type->domains) {
        needs.types.push_back({domain.name, domain.owner, domain.owned, true});
      }
      for (const sql::EnumComposite& composite : work.type->composites) {
        needs.types.push_back({composite.name, composite.owner, composite.owned, true});
      }
      for (const EnumColumnWork& column : work.columns) {
        needs.alter(*column.table, true, column.shadow);
      }
    }
  }

  void preflight(PreflightContext& context) const override { check_enums(context); }

  void plan(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kExpand) plan_enum_expand(context);
    if (stage == Stage::kEnforce) plan_enum_enforce(context);
    if (stage == Stage::kIndex) plan_enum_indexes(context);
    if (stage == Stage::kFinish) plan_enum_finish(context);
  }

  void backfill(const PlanContext& context, BackfillDrafts& drafts) const override {
    for (const EnumWork& work : context.scope.of<EnumWork>()) {
      if (work.path != EnumPath::kShadow) continue;
      for (const EnumColumnWork& column : work.columns) {
        for (const sql::Table* leaf : physical_tables(context.catalog, *column.table)) {
          drafts.assign(*leaf, shadow_assignment(work, column), true);
        }
      }
    }
  }

  void verify(VerifyContext& context) const override { verify_enums(context); }
};

}  // namespace

const Operation& enum_operation() {
  static const Enum operation;
  return operation;
}

}  // namespace pgbackfill::planner
