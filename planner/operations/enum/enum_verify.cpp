#include "planner/operations/enum/enum_checks.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {

namespace {

std::vector<std::string> besides(const std::vector<std::string>& labels,
                                 const std::vector<std::string>& others) {
  std::vector<std::string> left;
  for (const std::string& label : labels) {
    if (std::find(others.begin(), others.end(), label) == others.end()) left.push_back(label);
  }
  return left;
}

/// Adds what lacks, each label before the next one that is there; PostgreSQL cannot drop one.
std::vector<std::string> add_labels(const sql::EnumType& type, const EnumSpec& wanted) {
  std::vector<std::string> statements;
  std::vector<std::string> there = type.labels;
  for (std::size_t i = wanted.values.size(); i-- > 0;) {
    const std::string& label = wanted.values[i];
    if (std::find(there.begin(), there.end(), label) != there.end()) continue;
    const bool last = i + 1 == wanted.values.size();
    statements.push_back(
        fmt::format("ALTER TYPE {} ADD VALUE {}{};", type.name.quoted(), sql::quote_literal(label),
                    last ? std::string() : " BEFORE " + sql::quote_literal(wanted.values[i + 1])));
    there.push_back(label);
  }
  return statements;
}

std::string named(std::string_view what, const std::vector<std::string>& labels) {
  return labels.empty() ? std::string() : fmt::format("; {}: {}", what, fmt::join(labels, ", "));
}

}  // namespace

void verify_enums(VerifyContext& context) {
  for (const EnumSpec& wanted : context.spec.of<EnumSpec>()) {
    const sql::QualifiedName name = sql::parse_qualified_name(wanted.type, context.spec.schema);
    const std::string label = name.display(context.spec.schema);
    const sql::EnumType* type = context.catalog.enum_type(name);
    context.expect(label, "type", type != nullptr, "the enum type does not exist");
    if (type == nullptr) continue;
    std::vector<std::string> found = type->labels;
    std::vector<std::string> expected = wanted.values;
    if (!wanted.strict_order) {
      std::sort(found.begin(), found.end());
      std::sort(expected.begin(), expected.end());
    }
    context.expect(
        label, "labels", found == expected,
        fmt::format("has the labels {}, expected {}{}{}{}", fmt::join(type->labels, ", "),
                    fmt::join(wanted.values, ", "), wanted.strict_order ? " in this order" : "",
                    named("lacks", besides(wanted.values, type->labels)),
                    named("has besides", besides(type->labels, wanted.values))),
        add_labels(*type, wanted));
  }
}

}  // namespace pgbackfill::planner
