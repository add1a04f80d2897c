#include "tools/shrink/selection.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace pgbackfill::tools {
namespace {

bool refers_elsewhere(const SourceSchema& schema, const std::string& table) {
  return std::any_of(schema.keys.begin(), schema.keys.end(), [&](const SourceKey& key) {
    return key.table == table && key.target != table;
  });
}

void add_hanging(const SourceSchema& schema, std::set<std::string>& reached) {
  for (bool more = true; more;) {
    more = false;
    for (const SourceKey& key : schema.keys) {
      if (reached.contains(key.target)) more = reached.insert(key.table).second || more;
    }
  }
}

/// The table itself or, where a key belongs to one partition, that.
std::string from(const SourceSchema& schema, const std::string& table,
                 const std::string& relation) {
  return relation == table ? schema.table(table).from() : relation;
}

}  // namespace

std::vector<std::string> root_tables(const SourceSchema& schema,
                                     const std::vector<std::string>& given) {
  std::vector<std::string> roots = given;
  if (given.empty()) {
    for (const SourceTable& table : schema.tables) {
      if (!refers_elsewhere(schema, table.name)) roots.push_back(table.name);
    }
  }
  std::set<std::string> reached(roots.begin(), roots.end());
  add_hanging(schema, reached);
  for (const SourceTable& table : schema.tables) {
    if (reached.contains(table.name)) continue;
    roots.push_back(table.name);
    reached.insert(table.name);
    add_hanging(schema, reached);
  }
  return roots;
}

Selection::Selection(sql::Connection& connection, const SourceSchema& schema)
    : connection_(connection), schema_(schema) {
  for (const SourceTable& table : schema.tables) {
    const std::string kept = fmt::format("pg_temp.kept_{}", kept_.size());
    connection.execute(
        fmt::format("CREATE TEMPORARY TABLE {} (part oid, place tid, round integer NOT NULL, "
                    "PRIMARY KEY (part, place)) ON COMMIT DROP",
                    kept.substr(kept.find('.') + 1)));
    kept_.emplace(table.name, kept);
  }
}

void Selection::draw(const std::string& root, const ShrinkSize& size) {
  const SourceTable& table = schema_.table(root);
  const std::string key =
      table.key.empty() ? "t::text" : fmt::format("ROW(t.{})::text", fmt::join(table.key, ", t."));
  const std::string limit = size.rows > 0
                                ? std::to_string(size.rows)
                                : fmt::format("(SELECT greatest(1, ceil(count(*) * {})) FROM {})",
                                              size.share, table.from());
  connection_.execute(fmt::format(
      "INSERT INTO {} SELECT t.tableoid, t.ctid, 0 FROM {} AS t "
      "ORDER BY hashtextextended({}, {}), {} COLLATE \"C\", t.tableoid, t.ctid LIMIT {}",
      kept_.at(root), table.from(), key, size.seed, key, limit));
}

std::int64_t Selection::follow(const SourceKey& key, Direction direction, int from_round) {
  const bool down = direction == Direction::kDown;
  const std::string& to = kept_.at(down ? key.table : key.target);
  const std::string& known = kept_.at(down ? key.target : key.table);
  const sql::Result added = connection_.execute(fmt::format(
      "INSERT INTO {to} SELECT DISTINCT {added}.tableoid, {added}.ctid, {round} FROM {children} AS "
      "child JOIN {parents} AS parent ON {condition} JOIN {known} AS known ON known.part = "
      "{base}.tableoid AND known.place = {base}.ctid AND known.round >= {from} "
      "ON CONFLICT DO NOTHING",
      fmt::arg("to", to), fmt::arg("added", down ? "child" : "parent"), fmt::arg("round", round_),
      fmt::arg("children", from(schema_, key.table, key.relation)),
      fmt::arg("parents", from(schema_, key.target, key.target_relation)),
      fmt::arg("condition", key.condition()), fmt::arg("known", known),
      fmt::arg("base", down ? "parent" : "child"), fmt::arg("from", from_round)));
  if (added.affected() > 0) connection_.execute("ANALYZE " + to);
  return added.affected();
}

/// Round by round, each from the rows that the one before has added.
void Selection::close(Direction direction) {
  for (const auto& [table, kept] : kept_) connection_.execute("ANALYZE " + kept);
  int from_round = 0;
  for (std::int64_t added = 1; added > 0;) {
    added = 0;
    ++round_;
    for (const SourceKey& key : schema_.keys) added += follow(key, direction, from_round);
    from_round = round_;
  }
}

void Selection::add_what_hangs_on_them() { close(Direction::kDown); }

void Selection::add_what_they_refer_to() { close(Direction::kUp); }

std::string Selection::rows(const SourceTable& table) const {
  return fmt::format(
      "SELECT t.{} FROM {} AS t JOIN {} AS known ON known.part = t.tableoid AND "
      "known.place = t.ctid",
      fmt::join(table.columns, ", t."), table.from(), kept_.at(table.name));
}

}  // namespace pgbackfill::tools
