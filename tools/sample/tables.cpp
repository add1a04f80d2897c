#include "tools/sample/tables.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace pgbackfill::tools {

std::vector<TableFiller> table_fillers() {
  std::vector<TableFiller> all;
  for (auto* group : {&organization_fillers, &client_fillers, &booking_fillers, &checklist_fillers,
                      &invoice_fillers, &record_fillers, &neighbour_fillers}) {
    std::vector<TableFiller> fillers = group();
    std::move(fillers.begin(), fillers.end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(),
            [](const TableFiller& a, const TableFiller& b) { return a.table < b.table; });
  if (all.size() != kTableCount) throw std::logic_error("a table of the sample has no filler");
  return all;
}

}  // namespace pgbackfill::tools
