#include "engine/verify/row_copy.hpp"

#include "sql/identifier.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace pgbackfill::engine {
namespace {

using sql::quote_identifier;

/// "character varying" of "character varying(36)".
std::string_view bare(std::string_view type) { return type.substr(0, type.find('(')); }

/// "36" of "character varying(36)"; empty where there is no limit.
std::string_view limit_of(std::string_view type) {
  const std::size_t open = type.find('(');
  return open == std::string_view::npos ? std::string_view()
                                        : type.substr(open + 1, type.find(')') - open - 1);
}

/// Another text of the same kind: a uuid for a uuid, else a few characters in front, so that what
/// is behind (a domain, a suffix) still fits.
std::string another_text(const std::string& value, std::string_view type) {
  const std::string longer = fmt::format("substr(md5(random()::text), 1, 8) || {}", value);
  const std::string_view limit = limit_of(type);
  return fmt::format(
      "CASE WHEN {0} ~* '^[0-9a-f]{{8}}-([0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}$' "
      "THEN gen_random_uuid()::text ELSE {1} END",
      value, limit.empty() ? longer : fmt::format("left({}, {})", longer, limit));
}

/// Another value for the column, which no other row has; nullopt for types where we know none.
/// Numbers leap ahead, where no sequence hands them out to the application meanwhile.
std::optional<std::string> another_value(const sql::Table& table, const sql::Column& column) {
  const std::string value = "t." + quote_identifier(column.name);
  const std::string_view type = bare(column.type);
  const auto is = [&](std::initializer_list<std::string_view> types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  if (type == "uuid") return "gen_random_uuid()";
  if (is({"smallint", "integer", "bigint", "numeric"})) {
    return fmt::format("((SELECT max(m.{}) FROM {} AS m) + {})::{}", quote_identifier(column.name),
                       table.name.quoted(), type == "smallint" ? 100 : 1'000'000, column.type);
  }
  if (is({"text", "citext", "character varying", "character"})) {
    return fmt::format("({})::{}", another_text(value + "::text", column.type), column.type);
  }
  if (is({"date"}) || type.starts_with("timestamp")) {
    return fmt::format("({} + interval '100 years')::{}", value, column.type);
  }
  return std::nullopt;
}

bool any_changed(const sql::Index& index, const std::set<std::string>& changed) {
  const std::vector<std::string>& columns = index.has_expressions ? index.mentioned : index.columns;
  return std::any_of(columns.begin(), columns.end(),
                     [&](const std::string& column) { return changed.contains(column); });
}

class Planner {
 public:
  Planner(const sql::Table& table, std::map<std::string, std::string> given,
          std::set<std::string> changed)
      : table_(table), values_(std::move(given)) {
    copy_.changed = std::move(changed);
  }

  RowCopy run(const std::set<std::string>& must_change) {
    for (const std::string& name : must_change) {
      if (!copy_.changed.contains(name) && !change(name)) copy_.obstacle = name;
    }
    for (const sql::Index& index : table_.indexes) {
      if (index.unique) set_apart(index);
    }
    for (const sql::Column& column : table_.columns) {
      if (column.generated) continue;
      copy_.columns.push_back(column.name);
      const auto found = values_.find(column.name);
      copy_.expressions.push_back(found == values_.end() ? "t." + quote_identifier(column.name)
                                                         : found->second);
    }
    return std::move(copy_);
  }

 private:
  bool change(const std::string& name) {
    const sql::Column* column = table_.column(name);
    if (column == nullptr || column->generated || values_.contains(name)) return false;
    const auto value = another_value(table_, *column);
    if (!value) return false;
    values_[name] = *value;
    copy_.changed.insert(name);
    return true;
  }

  void set_apart(const sql::Index& index) {
    if (any_changed(index, copy_.changed)) return;
    const std::vector<std::string>& columns =
        index.has_expressions ? index.mentioned : index.columns;
    if (std::any_of(columns.begin(), columns.end(),
                    [&](const std::string& column) { return change(column); })) {
      return;
    }
    copy_.obstacle = fmt::format("unique index {}", index.name);
  }

  const sql::Table& table_;
  std::map<std::string, std::string> values_;
  RowCopy copy_;
};

}  // namespace

std::string RowCopy::insert(const sql::Table& table, const std::string& without) const {
  std::vector<std::string> names;
  std::vector<std::string> values;
  std::vector<std::string> returned;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string name = quote_identifier(columns[i]);
    returned.push_back(fmt::format("n.{}::text", name));
    if (columns[i] == without) continue;
    names.push_back(name);
    values.push_back(expressions[i]);
  }
  return fmt::format(
      "INSERT INTO {0} AS n ({1}) OVERRIDING SYSTEM VALUE SELECT {2} FROM {0} AS t "
      "WHERE t.tableoid = $1::oid AND t.ctid = $2::tid RETURNING n.tableoid, n.ctid, {3}",
      table.name.quoted(), fmt::join(names, ", "), fmt::join(values, ", "),
      fmt::join(returned, ", "));
}

RowCopy plan_copy(const sql::Table& table, const std::map<std::string, std::string>& given,
                  const std::set<std::string>& given_changes,
                  const std::set<std::string>& must_change) {
  return Planner(table, given, given_changes).run(must_change);
}

}  // namespace pgbackfill::engine
