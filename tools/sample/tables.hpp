#pragma once

#include "tools/sample/row_writer.hpp"
#include "tools/sample/sample.hpp"

#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// How the rows of one table are written.
struct TableFiller {
  Table table;
  /// Column list as COPY takes it, in the order in which `fill` writes.
  std::string_view columns;
  void (*fill)(const Sample& sample, Row row, RowWriter& out);
  /// Tables that its foreign keys point to.
  std::vector<Table> references;
};

std::vector<TableFiller> organization_fillers();  ///< organizations, users, teams and their crews
std::vector<TableFiller> client_fillers();
std::vector<TableFiller> booking_fillers();
std::vector<TableFiller> checklist_fillers();
std::vector<TableFiller> invoice_fillers();
std::vector<TableFiller> record_fillers();  ///< documents, mail, audit
std::vector<TableFiller> neighbour_fillers();

/// All of them, in the order of Table. Throws std::logic_error when one is missing.
std::vector<TableFiller> table_fillers();

}  // namespace pgbackfill::tools
