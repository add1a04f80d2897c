#include "planner/operations/enum/way_back.hpp"

#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::planner {
namespace {

/// Old labels and the new ones that their rows may have got.
LabelPairs agreeing_labels(const EnumWork& work) {
  LabelPairs pairs = work.remap;
  for (const auto& [from, parts] : work.spec->when) {
    for (const auto& [to, condition] : parts) {
      const std::pair pair{from, to};
      const bool known = std::find(pairs.begin(), pairs.end(), pair) != pairs.end();
      if (!known) pairs.push_back(pair);
    }
  }
  return pairs;
}

}  // namespace

WayBack::WayBack(const EnumWork& work) : spec_(*work.spec), work_(work) {
  work_.spec = &spec_;
  work_.back = true;
  work_.agreeing = agreeing_labels(work);
  work_.remap.clear();
  std::swap(work_.shadow_type, work_.old_type);
  for (EnumColumnWork& column : work_.columns) std::swap(column.shadow, column.old_name);
  for (EnumDomainWork& domain : work_.domains) std::swap(domain.shadow, domain.old);
  for (EnumCompositeWork& composite : work_.composites) std::swap(composite.shadow, composite.old);
  spec_.values = work.type->labels;
  spec_.when.clear();
  for (const std::string& label : work.spec->values) {
    std::vector<std::string> origins;
    for (const auto& [from, to] : work_.agreeing) {
      if (to == label) origins.push_back(from);
    }
    std::string old;
    if (const auto found = spec_.unmap.find(label); found != spec_.unmap.end()) {
      old = found->second;
    } else if (origins.size() == 1) {
      old = origins.front();
    }
    if (std::find(spec_.values.begin(), spec_.values.end(), old) == spec_.values.end()) {
      untold_.push_back(label);
      continue;
    }
    work_.remap.emplace_back(label, old);
    if (origins != std::vector{old}) lossy_.emplace_back(label, old);
  }
}

std::string pair_list(const LabelPairs& pairs) {
  std::vector<std::string> rows;
  for (const auto& [one, other] : pairs) {
    rows.push_back(fmt::format("({}, {})", sql::quote_literal(one), sql::quote_literal(other)));
  }
  return join(rows, ", ");
}

}  // namespace pgbackfill::planner
