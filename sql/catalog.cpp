#include "sql/catalog.hpp"

#include "sql/statements.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace pgbackfill::sql {
namespace {

std::string string_at(const Result& rows, int row, int column) {
  return std::string(rows.text(row, column));
}

char char_at(const Result& rows, int row, int column) { return rows.text(row, column).at(0); }

/// Puts the rows of the bulk queries together by the oid of their table.
class CatalogReader {
 public:
  explicit CatalogReader(Connection& connection) : connection_(connection) {}

  Catalog read() {
    const Transaction snapshot(connection_, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    read_server();
    read_tables();
    if (catalog_.citus) read_citus();
    read_columns();
    read_indexes();
    read_constraints();
    read_triggers();
    read_partitions();
    read_enums();
    read_domains();
    read_composites();
    return std::move(catalog_);
  }

 private:
  Result run(std::string_view name) { return connection_.execute(statement(name)); }

  /// nullptr for the relations that the catalog leaves out.
  Table* table_at(const Result& rows, int row) {
    const auto found = by_oid_.find(rows.integer(row, 0));
    return found == by_oid_.end() ? nullptr : &catalog_.tables[found->second];
  }

  void read_server();
  void read_tables();
  void read_citus();
  void read_columns();
  void read_indexes();
  void read_constraints();
  void read_triggers();
  void read_partitions();
  void read_enums();
  void read_domains();
  void read_composites();
  void sum_leaves(Table& root, std::int64_t parent_oid);

  Connection& connection_;
  Catalog catalog_;
  std::unordered_map<std::int64_t, std::size_t> by_oid_;
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> partitions_;
};

void CatalogReader::read_server() {
  const Result rows = run("catalog_server");
  catalog_.server_version = connection_.server_version();
  catalog_.database = rows.text(0, 0);
  catalog_.current_user = rows.text(0, 1);
  catalog_.in_recovery = rows.boolean(0, 2);
  catalog_.pooled = rows.integer(0, 3) != connection_.backend_pid();
  catalog_.may_create_schema = rows.boolean(0, 4);
  catalog_.may_create_temp = rows.boolean(0, 5);
  catalog_.shared_buffers = rows.integer(0, 6);
  catalog_.citus = rows.boolean(0, 7);
}

void CatalogReader::read_tables() {
  const Result rows = run("catalog_tables");
  for (int row = 0; row < rows.rows(); ++row) {
    Table table;
    table.oid = static_cast<std::uint32_t>(rows.integer(row, 0));
    table.name = {string_at(rows, row, 1), string_at(rows, row, 2)};
    table.kind = char_at(rows, row, 3);
    table.persistence = char_at(rows, row, 4);
    table.is_partition = rows.boolean(row, 5);
    table.inheritance_parent = rows.boolean(row, 6);
    table.inheritance_child = rows.boolean(row, 7);
    table.row_security_active = rows.boolean(row, 8);
    table.owned = rows.boolean(row, 9);
    table.owner = rows.text(row, 10);
    table.row_type_used = rows.boolean(row, 11);
    table.access_method = rows.text(row, 12);
    table.reltuples = rows.real(row, 13);
    table.blocks = rows.integer(row, 14);
    table.fillfactor = static_cast<int>(rows.integer(row, 15));
    by_oid_.emplace(rows.integer(row, 0), catalog_.tables.size());
    catalog_.places.emplace(table.name, catalog_.tables.size());
    catalog_.tables.push_back(std::move(table));
  }
}

void CatalogReader::read_citus() {
  const Result rows = run("catalog_citus");
  for (int row = 0; row < rows.rows(); ++row) {
    if (Table* table = table_at(rows, row)) table->citus = char_at(rows, row, 1);
  }
}

void CatalogReader::read_columns() {
  const Result rows = run("catalog_columns");
  for (int row = 0; row < rows.rows(); ++row) {
    Table* table = table_at(rows, row);
    if (table == nullptr) continue;
    Column column;
    column.attnum = static_cast<int>(rows.integer(row, 1));
    column.name = rows.text(row, 2);
    column.type = rows.text(row, 3);
    column.type_name = {string_at(rows, row, 4), string_at(rows, row, 5)};
    column.type_kind = char_at(rows, row, 6);
    column.not_null = rows.boolean(row, 7);
    column.default_expression = rows.optional_text(row, 8);
    column.generated = rows.boolean(row, 9);
    column.identity = rows.boolean(row, 10);
    column.collation = rows.text(row, 11);
    column.inherited = rows.boolean(row, 12);
    table->columns.push_back(std::move(column));
  }
}

void CatalogReader::read_indexes() {
  const Result rows = run("catalog_indexes");
  for (int row = 0; row < rows.rows(); ++row) {
    Table* table = table_at(rows, row);
    if (table == nullptr) continue;
    Index index;
    index.name = rows.text(row, 1);
    index.unique = rows.boolean(row, 2);
    index.primary = rows.boolean(row, 3);
    index.valid = rows.boolean(row, 4);
    index.immediate = rows.boolean(row, 5);
    index.partial = rows.boolean(row, 6);
    index.has_expressions = rows.boolean(row, 7);
    index.backs_constraint = rows.boolean(row, 8);
    index.replica_identity = rows.boolean(row, 9);
    index.clustered = rows.boolean(row, 10);
    index.method = rows.text(row, 11);
    index.columns = rows.text_array(row, 12);
    index.included = rows.text_array(row, 13);
    index.mentioned = rows.text_array(row, 14);
    index.definition = rows.text(row, 15);
    table->indexes.push_back(std::move(index));
  }
}

void CatalogReader::read_constraints() {
  const Result rows = run("catalog_constraints");
  for (int row = 0; row < rows.rows(); ++row) {
    Table* table = table_at(rows, row);
    if (table == nullptr) continue;
    const std::string name = string_at(rows, row, 2);
    const bool validated = rows.boolean(row, 4);
    if (char_at(rows, row, 1) == 'c') {
      table->checks.push_back({name, string_at(rows, row, 5), rows.text_array(row, 3), validated});
      continue;
    }
    ForeignKey key;
    key.name = name;
    key.columns = rows.text_array(row, 3);
    key.referenced = {string_at(rows, row, 6), string_at(rows, row, 7)};
    key.referenced_columns = rows.text_array(row, 8);
    key.on_delete = char_at(rows, row, 9);
    key.validated = validated;
    table->foreign_keys.push_back(std::move(key));
  }
}

void CatalogReader::read_triggers() {
  const Result rows = run("catalog_triggers");
  for (int row = 0; row < rows.rows(); ++row) {
    Table* table = table_at(rows, row);
    if (table == nullptr) continue;
    table->triggers.push_back(string_at(rows, row, 1));
    table->updates_set_more |= rows.boolean(row, 2);
  }
}

void CatalogReader::read_partitions() {
  const Result rows = run("catalog_partitions");
  for (int row = 0; row < rows.rows(); ++row) {
    partitions_[rows.integer(row, 0)].push_back(rows.integer(row, 1));
  }
  for (Table& table : catalog_.tables) {
    if (table.kind != 'p') continue;
    // Without an ANALYZE of the root itself its own estimate is missing or stale.
    table.reltuples = -1;
    sum_leaves(table, table.oid);
  }
}

void CatalogReader::sum_leaves(Table& root, std::int64_t parent_oid) {
  const auto children = partitions_.find(parent_oid);
  if (children == partitions_.end()) return;
  for (const std::int64_t oid : children->second) {
    const auto found = by_oid_.find(oid);
    if (found == by_oid_.end()) continue;
    const Table& child = catalog_.tables[found->second];
    if (child.kind == 'p') {
      sum_leaves(root, oid);
      continue;
    }
    root.leaves.push_back(child.name);
    root.blocks += child.blocks;
    if (child.reltuples >= 0) root.reltuples = std::max(root.reltuples, 0.0) + child.reltuples;
  }
}

void CatalogReader::read_enums() {
  const Result rows = run("catalog_enums");
  for (int row = 0; row < rows.rows(); ++row) {
    EnumType type;
    type.name = {string_at(rows, row, 0), string_at(rows, row, 1)};
    type.labels = rows.text_array(row, 2);
    type.owned = rows.boolean(row, 3);
    type.owner = rows.text(row, 4);
    for (const Table& table : catalog_.tables) {
      if ((table.kind != 'r' && table.kind != 'p') || table.is_partition) continue;
      for (const Column& column : table.columns) {
        if (column.type_kind == 'e' && column.type_name == type.name) {
          type.columns.push_back({table.name, column.name});
        }
      }
    }
    catalog_.enums.push_back(std::move(type));
  }
}

void CatalogReader::read_domains() {
  const Result rows = run("catalog_domains");
  const auto name_at = [&](int row, int column) -> QualifiedName {
    return {string_at(rows, row, column), string_at(rows, row, column + 1)};
  };
  for (int row = 0; row < rows.rows(); ++row) {
    EnumDomain domain;
    domain.name = name_at(row, 2);
    domain.oid = rows.text(row, 4);
    domain.array_type = name_at(row, 5);
    domain.base = name_at(row, 7);
    domain.over_array = rows.boolean(row, 9);
    domain.array = rows.boolean(row, 10);
    domain.owned = rows.boolean(row, 11);
    domain.owner = rows.text(row, 12);
    for (EnumType& type : catalog_.enums) {
      if (type.name == name_at(row, 0)) type.domains.push_back(std::move(domain));
    }
  }
}

void CatalogReader::read_composites() {
  const Result rows = run("catalog_composites");
  for (int row = 0; row < rows.rows(); ++row) {
    const QualifiedName type{string_at(rows, row, 0), string_at(rows, row, 1)};
    const QualifiedName name{string_at(rows, row, 2), string_at(rows, row, 3)};
    const auto holder = std::find_if(catalog_.enums.begin(), catalog_.enums.end(),
                                     [&](const EnumType& known) { return known.name == type; });
    if (holder == catalog_.enums.end()) continue;
    std::vector<EnumComposite>& composites = holder->composites;
    if (composites.empty() || composites.back().name != name) {
      EnumComposite& composite = composites.emplace_back();
      composite.name = name;
      composite.relation = rows.text(row, 4);
      composite.owned = rows.boolean(row, 5);
      composite.owner = rows.text(row, 6);
      composite.obstacle = rows.text(row, 10);
    }
    composites.back().attributes.push_back(
        {string_at(rows, row, 7), rows.boolean(row, 8), rows.boolean(row, 9)});
  }
}

template <typename Element>
const Element* find_named(const std::vector<Element>& elements, std::string_view name) {
  const auto found = std::find_if(elements.begin(), elements.end(),
                                  [&](const Element& element) { return element.name == name; });
  return found == elements.end() ? nullptr : &*found;
}

}  // namespace

const Column* Table::column(std::string_view column_name) const {
  return find_named(columns, column_name);
}

const Index* Table::index(std::string_view index_name) const {
  return find_named(indexes, index_name);
}

const Index* Table::primary_key() const {
  const auto found = std::find_if(indexes.begin(), indexes.end(),
                                  [](const Index& index) { return index.primary; });
  return found == indexes.end() ? nullptr : &*found;
}

const Index* Table::row_key() const {
  const auto identifies_rows = [&](const Index& index) {
    if (!index.unique || !index.valid || !index.immediate || index.partial ||
        index.has_expressions) {
      return false;
    }
    return std::all_of(index.columns.begin(), index.columns.end(),
                       [&](const std::string& key_name) {
                         const Column* key = column(key_name);
                         return key != nullptr && key->not_null;
                       });
  };
  const Index* primary = primary_key();
  if (primary != nullptr && identifies_rows(*primary)) return primary;
  const auto found = std::find_if(indexes.begin(), indexes.end(), identifies_rows);
  return found == indexes.end() ? nullptr : &*found;
}

const Table* Catalog::table(const QualifiedName& table_name) const {
  const auto place = places.find(table_name);
  if (place != places.end() && place->second < tables.size() &&
      tables[place->second].name == table_name) {
    return &tables[place->second];
  }
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& candidate) {
    return candidate.name == table_name;
  });
  return found == tables.end() ? nullptr : &*found;
}

const EnumType* Catalog::enum_type(const QualifiedName& type_name) const {
  const auto found = std::find_if(enums.begin(), enums.end(), [&](const EnumType& candidate) {
    return candidate.name == type_name;
  });
  return found == enums.end() ? nullptr : &*found;
}

Catalog read_catalog(Connection& connection) { return CatalogReader(connection).read(); }

}  // namespace pgbackfill::sql
