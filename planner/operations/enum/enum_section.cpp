#include "planner/operations/enum/enum_section.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/sql_expression.hpp"
#include "planner/file/toml_section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace pgbackfill::planner {
namespace {

// An enum label is limited like an identifier.
std::vector<std::string> read_labels(const TomlSection& section, std::string_view key) {
  std::vector<std::string> labels;
  for (const PlacedText& label : section.texts(key)) {
    check_length(section, key, label);
    labels.push_back(label.text);
  }
  return labels;
}

/// when = { old = { new = "condition" } }
void read_when(const TomlSection& section, EnumSpec& spec) {
  const TomlValue* when = section.find("when", TomlValue::Kind::kTable);
  if (when == nullptr) return;
  for (const TomlEntry& entry : when->entries) {
    if (entry.value.kind != TomlValue::Kind::kTable) {
      section.report(entry.value.position,
                     fmt::format("\"when.{}\" must be a table of labels and conditions, not {}",
                                 entry.key, article_and_kind(entry.value.kind)));
      continue;
    }
    std::vector<TomlEntry> parts = entry.value.entries;
    std::sort(parts.begin(), parts.end(), [](const TomlEntry& a, const TomlEntry& b) {
      return std::tie(a.position.line, a.position.column) <
             std::tie(b.position.line, b.position.column);
    });
    for (const TomlEntry& part : parts) {
      const auto known = std::find(spec.values.begin(), spec.values.end(), part.key);
      if (known == spec.values.end()) {
        section.report(part.position, fmt::format("\"when\" leads to \"{}\", which is not among "
                                                  "\"values\"",
                                                  part.key));
      } else if (part.value.kind != TomlValue::Kind::kString) {
        section.report(part.value.position,
                       fmt::format("\"when.{}.{}\" must be a string, not {}", entry.key, part.key,
                                   article_and_kind(part.value.kind)));
      } else if (const auto defect = expression_defect(part.value.text)) {
        section.report(part.value.position,
                       fmt::format("\"when.{}.{}\" {}", entry.key, part.key, *defect));
      } else {
        spec.when[entry.key].emplace_back(part.key, part.value.text);
      }
    }
  }
}

}  // namespace

EnumSpec read_enum(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[enum]]", value, "type"),
                            {"type", "values", "map", "when", "unmap", "on_unmapped", "order"},
                            errors);
  section.require({"type", "values"});
  EnumSpec spec;
  spec.position = section.position();
  if (const auto type = section.text("type")) {
    spec.type = *type;
    check_name(section, "type", {*type, section.find("type")->position});
  }
  spec.values = read_labels(section, "values");
  const std::set<std::string> known(spec.values.begin(), spec.values.end());
  const auto must_be_known = [&](std::string_view what, const PlacedText& label) {
    if (known.empty() || known.contains(label.text)) return;
    section.report(label.position,
                   fmt::format("{} \"{}\", which is not among \"values\"", what, label.text));
  };
  for (const auto& [from, to] : section.text_map("map")) {
    must_be_known("\"map\" leads to", to);
    spec.map.emplace(from.text, to.text);
  }
  read_when(section, spec);
  for (const auto& [from, to] : section.text_map("unmap")) {
    must_be_known("\"unmap\" names", from);
    if (to.text.empty()) section.report(to.position, "\"unmap\" leads to an empty label");
    spec.unmap.emplace(from.text, to.text);
  }
  if (const auto label = section.text("on_unmapped"); label && *label != "fail") {
    must_be_known("\"on_unmapped\" is", {*label, section.find("on_unmapped")->position});
    spec.on_unmapped = *label;
  }
  spec.strict_order =
      section.choice<bool>("order", {{"strict", true}, {"any", false}}).value_or(true);
  return spec;
}

}  // namespace pgbackfill::planner
