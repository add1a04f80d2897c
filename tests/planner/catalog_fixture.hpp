#pragma once

#include "planner/preflight/preflight.hpp"
#include "sql/catalog.hpp"
#include "tests/planner/migration_fixture.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

using Columns = std::vector<std::pair<std::string, std::string>>;

inline sql::Table make_table(std::string name, const Columns& columns,
                             std::string primary_key = "") {
  sql::Table table;
  table.name = {"public", std::move(name)};
  for (const auto& [column_name, type] : columns) {
    sql::Column column;
    column.name = column_name;
    column.type = type;
    column.type_name = {"pg_catalog", type};
    table.columns.push_back(column);
  }
  if (!primary_key.empty()) {
    sql::Index index;
    index.name = table.name.name + "_pkey";
    index.unique = index.primary = index.valid = true;
    index.columns = {std::move(primary_key)};
    table.indexes.push_back(index);
  }
  return table;
}

/// Line 3 of every file is [tenant], the first line that a test adds is line 7.
inline constexpr std::string_view kHead = R"toml(version = 1

[tenant]
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }

)toml";

/// A small catalog, built by hand, to check migration files against.
class CatalogFixture : public MigrationFixture {
 protected:
  CatalogFixture() {
    catalog_.database = "app";
    add(make_table("organizations", {{"org_id", "uuid"}, {"name", "text"}}, "org_id"));
    add(make_table("teams", {{"team_id", "integer"}, {"name", "text"}}, "team_id"));
    add(make_table("bookings",
                   {{"booking_id", "character varying(36)"},
                    {"team_id", "integer"},
                    {"big_team_id", "bigint"},
                    {"team_code", "character varying(8)"},
                    {"team_key", "uuid"},
                    {"status", "text"}},
                   "booking_id"));
    sql::Table view = make_table("open_bookings", {{"booking_id", "text"}});
    view.kind = 'v';
    add(view);
    catalog_.enums.push_back({{"public", "user_role"}, {"user", "admin"}, true, "postgres", {}});
  }

  void add(sql::Table table) { catalog_.tables.push_back(std::move(table)); }

  sql::Table& table(std::string_view name) {
    for (sql::Table& candidate : catalog_.tables) {
      if (candidate.name.name == name) return candidate;
    }
    throw std::out_of_range(std::string(name));
  }

  std::vector<std::string> check_whole(std::string_view text) {
    const JobSpec spec = read(text);
    const std::string prefix = (directory_.path() / "").string();
    std::vector<std::string> texts;
    for (const SpecError& error : check_against_catalog(spec, catalog_)) {
      std::string shown = error.to_string();
      for (auto at = shown.find(prefix); at != std::string::npos; at = shown.find(prefix)) {
        shown.erase(at, prefix.size());
      }
      texts.push_back(shown);
    }
    return texts;
  }

  std::vector<std::string> check(std::string_view more) {
    return check_whole(std::string(kHead) + std::string(more));
  }

  // bookings take their organization from teams.csv by `key`.
  std::vector<std::string> check_lookup_file(std::string_view csv, std::string_view key,
                                             std::string_view more = "") {
    directory_.write("teams.csv", csv);
    return check("[[table]]\nname = \"bookings\"\nvalue = { lookup = \"l\", key = \"" +
                 std::string(key) + "\" }\n[[lookup]]\nname = \"l\"\nfile = \"teams.csv\"\n" +
                 std::string(more));
  }

  sql::Catalog catalog_;
};

}  // namespace pgbackfill::planner
