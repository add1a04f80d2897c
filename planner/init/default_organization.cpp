#include "planner/init/default_organization.hpp"

#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

constexpr std::string_view kDefaultUuid = "00000000-0000-0000-0000-000000000001";

/// A value that a column of the type takes; nullopt: nobody can tell.
std::optional<std::string> some_value(const sql::Catalog& catalog, const sql::Column& column) {
  switch (type_family(normalise_type(column.type))) {
    case TypeFamily::kInteger:
      return "1";
    case TypeFamily::kUuid:
      return std::string(kDefaultUuid);
    case TypeFamily::kText:
      return column.name.find("name") != std::string::npos ? "Default" : "default";
    default:
      break;
  }
  if (const sql::EnumType* type = catalog.enum_type(column.type_name)) {
    return type->labels.empty() ? std::nullopt : std::optional(type->labels.front());
  }
  const std::string& type = column.type;
  if (type == "boolean") return "false";
  if (type.starts_with("numeric") || type == "double precision" || type == "real") return "0";
  if (type.starts_with("timestamp") || type == "date") return "now";
  if (type == "json" || type == "jsonb") return "{}";
  if (type.ends_with("[]")) return "{}";
  return std::nullopt;
}

/// The only row's key; nullopt when there is none or several.
std::optional<std::string> only_row(sql::Connection& connection, const Proposal& proposal,
                                    int& rows) {
  const sql::Result found = connection.execute(fmt::format("SELECT {}::text FROM {} LIMIT 2",
                                                           quote_identifier(proposal.key->name),
                                                           proposal.organizations->name.quoted()));
  rows = found.rows();
  if (rows != 1) return std::nullopt;
  return std::string(found.text(0, 0));
}

bool exists(sql::Connection& connection, const Proposal& proposal, const std::string& id) {
  return connection
      .execute(
          fmt::format("SELECT EXISTS (SELECT FROM {} WHERE {}::text = $1)",
                      proposal.organizations->name.quoted(), quote_identifier(proposal.key->name)),
          {id})
      .boolean(0, 0);
}

bool is_reference(const sql::Table& table, const std::string& column) {
  return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(), [&](const auto& key) {
    return std::find(key.columns.begin(), key.columns.end(), column) != key.columns.end();
  });
}

void fill_row(const sql::Catalog& catalog, Proposal& proposal) {
  proposal.default_row.emplace_back(proposal.key->name, proposal.default_id);
  for (const sql::Column& column : proposal.organizations->columns) {
    const bool required = column.not_null && !column.default_expression && !column.generated &&
                          !column.identity && column.name != proposal.key->name;
    const bool names_it = column.name == "name" && !required;
    if (!required && !names_it) continue;
    const auto value = some_value(catalog, column);
    if (!value || is_reference(*proposal.organizations, column.name)) {
      proposal.default_notes.push_back(
          fmt::format("{} ({}) needs a value of yours", column.name, column.type));
      continue;
    }
    proposal.default_row.emplace_back(column.name, *value);
  }
}

}  // namespace

void choose_default_organization(const sql::Catalog& catalog, sql::Connection& connection,
                                 Proposal& proposal) {
  int rows = 0;
  if (const auto id = only_row(connection, proposal, rows)) {
    proposal.default_id = *id;
    proposal.default_notes.push_back("the only row that the table has");
    return;
  }
  const auto id = some_value(catalog, *proposal.key);
  if (!id) {
    throw InitError(
        fmt::format("no value of type {} can be proposed for {}.{}; insert the "
                    "organization that everything existing goes to, then init again",
                    proposal.key->type, proposal.organizations->name.display(proposal.schema),
                    proposal.key->name));
  }
  proposal.default_id = *id;
  if (rows > 1) {
    proposal.default_notes.push_back(
        "? there are organizations already: put the id of the one that everything existing goes "
        "to, or map the tables (lookup, parent)");
  }
  if (!exists(connection, proposal, *id)) fill_row(catalog, proposal);
}

}  // namespace pgbackfill::planner
