#pragma once

#include "planner/job_spec.hpp"
#include "planner/verify/verify_report.hpp"
#include "sql/catalog.hpp"
#include "sql/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// What the operations share when they compare a database with what was asked. Members outlive it.
struct VerifyContext {
  const JobSpec& spec;
  const sql::Catalog& catalog;
  sql::Connection& connection;
  VerifyReport& report;

  /// Adds a check; `message` and `mend` are kept only where it failed.
  void expect(std::string object, std::string_view name, bool passed, std::string message,
              std::vector<std::string> mend = {});
};

/// The type as format_type() writes it ("varchar(36)" is "character varying(36)").
std::string canonical_type(sql::Connection& connection, const std::string& type);

/// "alias.column", quoted.
std::string qualified_column(std::string_view alias, std::string_view column);
/// The row's key as readable text: "booking_id=17", or its ctid where the table has no key.
std::string key_expression(const sql::Table& table, std::string_view alias);
/// Count of rows of `from_where`, with up to three example keys; empty when there are none.
std::string describe_rows(sql::Connection& connection, const std::string& from_where,
                          const std::string& key);

}  // namespace pgbackfill::planner
