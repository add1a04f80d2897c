#include "planner/operations/enum/enum_checks.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {

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
        fmt::format("has the labels {}, expected {}{}", fmt::join(type->labels, ", "),
                    fmt::join(wanted.values, ", "), wanted.strict_order ? " in this order" : ""));
  }
}

}  // namespace pgbackfill::planner
