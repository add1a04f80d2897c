#include "planner/operations/enum/enum_section.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>

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

}  // namespace

EnumSpec read_enum(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[enum]]", value, "type"),
                            {"type", "values", "map", "unmap", "on_unmapped", "order"}, errors);
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
