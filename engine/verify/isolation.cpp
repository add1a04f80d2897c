#include "engine/verify/isolation.hpp"

#include "engine/verify/row_copy.hpp"
#include "planner/spec_resolution.hpp"
#include "sql/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {
namespace {

constexpr std::string_view kFilter = "isolation-filter";
constexpr std::string_view kInsert = "isolation-insert";

struct CoreTable {
  const sql::Table* table = nullptr;
  std::string label;
};

/// Where a row is.
struct Place {
  std::string tableoid;
  std::string ctid;
  std::string organization;
};

class IsolationTrial {
 public:
  IsolationTrial(const planner::JobSpec& spec, const sql::Catalog& catalog,
                 sql::Connection& connection, VerifyReport& report)
      : tenant_(*spec.tenant), catalog_(catalog), connection_(connection), report_(report) {
    organizations_ = catalog.table(planner::resolve_name(tenant_.references_table, spec.schema));
    for (const planner::TableSpec& wanted : spec.tables) {
      const sql::QualifiedName name = planner::resolve_name(wanted.name, spec.schema);
      const sql::Table* table = catalog.table(name);
      const bool filled = table != nullptr && table->column(tenant_.column) != nullptr;
      if (filled) tables_.push_back({table, name.display(spec.schema)});
    }
  }

  void run() {
    const sql::Transaction rolled_back(connection_, "BEGIN READ WRITE");
    // What is checked at the end of a transaction would never be.
    connection_.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL statement_timeout = '60s'");
    const std::string why_not = make_organization();
    for (const CoreTable* table : parents_first()) {
      note_row_security(*table);
      const std::string reason = why_not.empty() ? try_table(*table) : why_not;
      if (reason.empty()) continue;
      skip(*table, kFilter, reason);
      skip(*table, kInsert, reason);
    }
  }

 private:
  void add(const CoreTable& table, std::string_view name, bool passed, std::string message) {
    report_.checks.push_back(
        {table.label, std::string(name), passed, std::move(message), false, {}});
  }
  void skip(const CoreTable& table, std::string_view name, const std::string& reason) {
    report_.checks.push_back({table.label, std::string(name), false, reason, true, {}});
  }

  /// Runs something of which nothing stays where it fails; the server's reason, or nothing.
  template <typename Action>
  std::optional<sql::Error> attempt(Action action) {
    connection_.execute("SAVEPOINT pgbackfill_trial");
    std::optional<sql::Error> failure;
    try {
      action();
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      failure = error;
      connection_.execute("ROLLBACK TO SAVEPOINT pgbackfill_trial");
    }
    connection_.execute("RELEASE SAVEPOINT pgbackfill_trial");
    return failure;
  }

  static std::string reason_of(const sql::Error& error) {
    const sql::Diagnostics& said = error.diagnostics();
    return said.detail.empty() ? said.message : said.message + " (" + said.detail + ")";
  }

  /// Makes the second organization; says why that cannot be.
  std::string make_organization() {
    if (organizations_ == nullptr) return "the table of the organizations does not exist";
    std::string reason;
    const auto failure = attempt([&] {
      const auto source = any_row(*organizations_, tenant_.references_column);
      if (!source) {
        reason = "there is no organization to make a second one of";
        return;
      }
      const RowCopy copy = plan_copy(*organizations_, {}, {}, {tenant_.references_column});
      reason = copy.obstacle.empty()
                   ? insert(*organizations_, copy, *source)
                   : "no second organization: no other value for " + copy.obstacle;
    });
    if (failure) return "no second organization: " + reason_of(*failure);
    if (!reason.empty()) return reason;
    const auto& values = copies_[organizations_].values;
    const auto found = values.find(tenant_.references_column);
    if (found == values.end()) return "the second organization has no " + tenant_.references_column;
    second_ = found->second;
    return {};
  }

  std::optional<Place> any_row(const sql::Table& table, const std::string& organization) {
    const sql::Result row =
        connection_.execute(fmt::format("SELECT tableoid, ctid, {}::text FROM {} LIMIT 1",
                                        sql::quote_identifier(organization), table.name.quoted()));
    if (row.rows() == 0) return std::nullopt;
    return Place{std::string(row.text(0, 0)), std::string(row.text(0, 1)),
                 row.optional_text(0, 2).value_or("")};
  }

  /// Inserts the copy and keeps what became of it; says so where there is none.
  std::string insert(const sql::Table& table, const RowCopy& copy, const Place& source) {
    const sql::Result made =
        connection_.execute(copy.insert(table), {source.tableoid, source.ctid});
    if (made.rows() != 1) return "the row was changed meanwhile, or a trigger kept its copy out";
    CopiedRow row;
    for (std::size_t i = 0; i < copy.columns.size(); ++i) {
      const auto value = made.optional_text(0, static_cast<int>(i) + 2);
      if (value) row.values[copy.columns[i]] = *value;
    }
    row.changed = copy.changed;
    place_ = {std::string(made.text(0, 0)), std::string(made.text(0, 1)), source.organization};
    copies_[&table] = std::move(row);
    return {};
  }

  /// The copy of a row: under the second organization, and with the copies of its parents.
  RowCopy copy_of(const sql::Table& table) const {
    std::map<std::string, std::string> given;
    std::set<std::string> changed;
    for (const sql::ForeignKey& key : table.foreign_keys) {
      const auto parent = copies_.find(catalog_.table(key.referenced));
      if (parent == copies_.end() || parent->first == &table) continue;
      for (std::size_t i = 0; i < key.columns.size(); ++i) {
        const auto value = parent->second.values.find(key.referenced_columns[i]);
        if (value == parent->second.values.end()) continue;
        const std::string& name = key.columns[i];
        given[name] = fmt::format("CASE WHEN t.{0} IS NOT NULL THEN {1}::{2} END",
                                  sql::quote_identifier(name), sql::quote_literal(value->second),
                                  table.column(name)->type);
        if (parent->second.changed.contains(key.referenced_columns[i])) changed.insert(name);
      }
    }
    given[tenant_.column] =
        fmt::format("{}::{}", sql::quote_literal(second_), table.column(tenant_.column)->type);
    changed.insert(tenant_.column);
    return plan_copy(table, given, changed);
  }

  /// Says why the table cannot be tried at all.
  std::string try_table(const CoreTable& core) {
    const sql::Table& table = *core.table;
    std::optional<Place> source;
    if (const auto failure = attempt([&] { source = any_row(table, tenant_.column); })) {
      return reason_of(*failure);
    }
    if (!source) return "the table has no row to copy";
    if (source->organization.empty()) return "its rows have no " + tenant_.column + " yet";
    const RowCopy copy = copy_of(table);
    if (!copy.obstacle.empty()) return "no other value is known for " + copy.obstacle;
    try_insert(core, copy, *source);
    try_filter(core, copy, *source);
    return {};
  }

  void try_insert(const CoreTable& core, const RowCopy& copy, const Place& source) {
    connection_.execute("SAVEPOINT pgbackfill_insert");
    sql::Params row{source.tableoid, source.ctid};
    std::size_t inserted = 0;
    const auto failure = attempt([&] {
      inserted = static_cast<std::size_t>(
          connection_.execute(copy.insert(*core.table, tenant_.column), row).rows());
    });
    connection_.execute("ROLLBACK TO SAVEPOINT pgbackfill_insert");
    if (!failure && inserted == 0) {
      skip(core, kInsert, "the row was changed meanwhile, or a trigger kept its copy out");
    } else if (!failure) {
      add(core, kInsert, false,
          fmt::format("an INSERT without {} is taken: the column is not NOT NULL, or a default or "
                      "a trigger fills it",
                      tenant_.column));
    } else if (failure->sqlstate() == "23502" && failure->diagnostics().column == tenant_.column) {
      add(core, kInsert, true, "");
    } else {
      skip(core, kInsert, reason_of(*failure));
    }
  }

  void try_filter(const CoreTable& core, const RowCopy& copy, const Place& source) {
    std::string reason;
    std::int64_t seen = 0;
    std::int64_t own = 0;
    const auto failure = attempt([&] {
      reason = insert(*core.table, copy, source);
      if (!reason.empty()) return;
      const std::string column = sql::quote_identifier(tenant_.column);
      const std::string from =
          fmt::format("SELECT count(*) FROM {} WHERE {} = $1::text::{}", core.table->name.quoted(),
                      column, core.table->column(tenant_.column)->type);
      seen = connection_
                 .execute(from + " AND tableoid = $2::oid AND ctid = $3::tid",
                          {source.organization, place_.tableoid, place_.ctid})
                 .integer(0, 0);
      own = connection_.execute(from, {second_}).integer(0, 0);
    });
    if (failure || !reason.empty()) {
      copies_.erase(core.table);
      skip(core, kFilter, failure ? reason_of(*failure) : reason);
      return;
    }
    add(core, kFilter, seen == 0 && own == 1,
        seen == 0 && own == 1
            ? ""
            : fmt::format(
                  "of one row that was inserted for a second organization, a filter by {0} "
                  "finds {1} for the first and {2} for the second: something changes {0} on "
                  "its way in",
                  tenant_.column, seen, own));
  }

  void note_row_security(const CoreTable& core) {
    const sql::Result state = connection_.execute(
        "SELECT c.relrowsecurity, count(p.oid), row_security_active(c.oid) FROM pg_class AS c "
        "LEFT JOIN pg_policy AS p ON p.polrelid = c.oid WHERE c.oid = $1::oid "
        // Catalogs have primary keys from PostgreSQL 14 on.
        "GROUP BY c.oid, c.relrowsecurity",
        {std::to_string(core.table->oid)});
    if (state.rows() == 0 || !state.boolean(0, 0)) return;
    const std::int64_t policies = state.integer(0, 1);
    report_.notes.push_back(fmt::format(
        "{}: row security is enabled, with {} polic{}; this role is {}subject to it", core.label,
        policies, policies == 1 ? "y" : "ies", state.boolean(0, 2) ? "" : "not "));
  }

  /// Tables after those that they refer to, as far as that goes.
  std::vector<const CoreTable*> parents_first() const {
    std::vector<const CoreTable*> waiting;
    for (const CoreTable& table : tables_) waiting.push_back(&table);
    std::vector<const CoreTable*> ordered;
    while (!waiting.empty()) {
      const auto free = [&](const CoreTable* table) {
        return std::none_of(waiting.begin(), waiting.end(), [&](const CoreTable* other) {
          return other != table && refers(*table->table, *other->table);
        });
      };
      auto next = std::find_if(waiting.begin(), waiting.end(), free);
      if (next == waiting.end()) next = waiting.begin();
      ordered.push_back(*next);
      waiting.erase(next);
    }
    return ordered;
  }

  static bool refers(const sql::Table& table, const sql::Table& parent) {
    return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                       [&](const sql::ForeignKey& key) { return key.referenced == parent.name; });
  }

  const planner::TenantSpec& tenant_;
  const sql::Catalog& catalog_;
  sql::Connection& connection_;
  VerifyReport& report_;
  const sql::Table* organizations_ = nullptr;
  std::vector<CoreTable> tables_;
  std::map<const sql::Table*, CopiedRow> copies_;
  std::string second_;  ///< the second organization's key, as text
  Place place_;         ///< of the copy made last
};

}  // namespace

void verify_isolation(const planner::JobSpec& spec, sql::Connection& connection,
                      VerifyReport& report) {
  if (!spec.tenant) return;
  const sql::Catalog catalog = sql::read_catalog(connection);
  IsolationTrial(spec, catalog, connection, report).run();
}

}  // namespace pgbackfill::engine
