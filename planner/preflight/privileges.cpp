#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// Objects of one kind of lack that are named before the rest is counted.
constexpr std::size_t kMostNamed = 5;

std::string named(const std::vector<std::string>& objects) {
  if (objects.size() <= kMostNamed) return fmt::format("{}", fmt::join(objects, ", "));
  return fmt::format("{} and {} more",
                     fmt::join(objects.begin(), objects.begin() + kMostNamed, ", "),
                     objects.size() - kMostNamed);
}

/// What the role lacks, object by object, to be told as one finding.
class Lacking {
 public:
  explicit Lacking(PreflightContext& context)
      : context_(context),
        role_(quote_identifier(context.catalog.current_user)),
        roles_{context.catalog.current_user} {}

  void add(const std::string& lack, const std::string& object, const std::string& what) {
    std::vector<std::string>& objects = objects_[lack];
    if (std::find(objects.begin(), objects.end(), object) == objects.end()) {
      objects.push_back(object);
    }
    const std::string statement = fmt::format("GRANT {} TO {};", what, role_);
    if (std::find(statements_.begin(), statements_.end(), statement) == statements_.end()) {
      statements_.push_back(statement);
    }
  }

  /// Being one of its members is about to be granted; what it may do need not be.
  void member_of(const std::string& owner) { roles_.push_back(owner); }
  /// The role and those, as an array literal.
  std::string roles() const { return sql::text_array_literal(roles_); }

  void report() {
    if (objects_.empty()) return;
    std::vector<std::string> lacks;
    for (const auto& [lack, objects] : objects_) {
      lacks.push_back(fmt::format("{} {}", lack, named(objects)));
    }
    context_.refuse("role " + context_.catalog.current_user,
                    fmt::format("it lacks {}", fmt::join(lacks, "; ")),
                    "run as the role that owns the tables, or let their owner or a superuser run "
                    "the statements below; the rest is checked then");
    context_.findings.back().statements = statements_;
  }

 private:
  PreflightContext& context_;
  const std::string role_;
  std::vector<std::string> roles_;
  std::map<std::string, std::vector<std::string>> objects_;
  std::vector<std::string> statements_;
};

/// Tables that the job alters, leaves of partitioned ones among them.
std::vector<const sql::Table*> altered_tables(const PreflightContext& context, const Needs& needs) {
  std::vector<const sql::Table*> tables;
  const auto add = [&](const sql::Table* table) {
    if (table == nullptr || std::find(tables.begin(), tables.end(), table) != tables.end()) return;
    tables.push_back(table);
  };
  const auto add_all = [&](const sql::Table* table) {
    add(table);
    for (const sql::QualifiedName& leaf : table->leaves) add(context.catalog.table(leaf));
  };
  for (const auto& [table, rewritten] : needs.altered) add_all(table);
  return tables;
}

void check_database(PreflightContext& context, Lacking& lacking) {
  const sql::Catalog& catalog = context.catalog;
  const std::string database = "database " + catalog.database;
  const std::string quoted = quote_identifier(catalog.database);
  const sql::Result ledger = context.connection.execute(
      "SELECT to_regnamespace('pgbackfill') IS NOT NULL, "
      "coalesce(has_schema_privilege(to_regnamespace('pgbackfill')::oid, 'CREATE, USAGE'), false)");
  if (!ledger.boolean(0, 0) && !catalog.may_create_schema) {
    lacking.add("CREATE (for the schema pgbackfill, where the job keeps its state) on", database,
                "CREATE ON DATABASE " + quoted);
  } else if (ledger.boolean(0, 0) && !ledger.boolean(0, 1)) {
    lacking.add("USAGE and CREATE on", "schema pgbackfill (which exists)",
                "USAGE, CREATE ON SCHEMA pgbackfill");
  }
  if (!catalog.may_create_temp) {
    lacking.add("TEMPORARY (batches go through temporary tables) on", database,
                "TEMPORARY ON DATABASE " + quoted);
  }
}

void check_schemas(PreflightContext& context, const std::vector<const sql::Table*>& altered,
                   const Needs& needs, Lacking& lacking) {
  std::set<std::string> built;
  for (const sql::Table* table : altered) built.insert(table->name.schema);
  for (const Needs::OwnedType& type : needs.types) {
    if (type.built) built.insert(type.name.schema);
  }
  std::set<std::string> used = built;
  for (const sql::Table* table : needs.read) used.insert(table->name.schema);
  for (const std::string& schema : used) {
    const sql::Result may = context.connection.execute(
        "SELECT bool_or(has_schema_privilege(r, oid, 'USAGE')), "
        "bool_or(has_schema_privilege(r, oid, 'CREATE')) "
        "FROM pg_namespace, unnest($2::name[]) AS r WHERE nspname = $1 GROUP BY oid",
        {schema, lacking.roles()});
    if (may.rows() == 0) continue;
    const bool builds = built.count(schema) > 0;
    if (may.boolean(0, 0) && (!builds || may.boolean(0, 1))) continue;
    const std::string_view needed = builds ? "USAGE, CREATE" : "USAGE";
    lacking.add(
        builds ? "USAGE and CREATE (building an index needs it, even for the table's owner) on"
               : "USAGE on",
        "schema " + schema, fmt::format("{} ON SCHEMA {}", needed, quote_identifier(schema)));
  }
}

void check_owners(const PreflightContext& context, const std::vector<const sql::Table*>& altered,
                  const Needs& needs, Lacking& lacking) {
  for (const sql::Table* table : altered) {
    if (table->owned) continue;
    lacking.member_of(table->owner);
    lacking.add(fmt::format("membership in role {}, which owns", table->owner),
                table->name.display(context.spec.schema), quote_identifier(table->owner));
  }
  for (const Needs::OwnedType& type : needs.types) {
    if (type.owned) continue;
    lacking.member_of(type.owner);
    lacking.add(fmt::format("membership in role {}, which owns", type.owner),
                "type " + type.name.display(context.spec.schema), quote_identifier(type.owner));
  }
}

/// Asks for all uses at once.
void check_uses(PreflightContext& context, const Needs& needs, Lacking& lacking) {
  std::vector<Needs::Use> uses = needs.uses;
  std::set<const sql::Table*> readable;
  for (const Needs::Use& use : uses) {
    if (use.privilege == "SELECT") readable.insert(use.table);
  }
  for (const sql::Table* table : needs.read) {
    if (!readable.contains(table)) uses.push_back({table, "SELECT", {}, "the job reads it"});
  }
  std::vector<std::string> schemas;
  std::vector<std::string> tables;
  std::vector<std::string> privileges;
  std::vector<std::string> columns;
  for (const Needs::Use& use : uses) {
    schemas.push_back(use.table->name.schema);
    tables.push_back(use.table->name.name);
    privileges.push_back(use.privilege);
    columns.push_back(sql::text_array_literal(use.columns));
  }
  const sql::Result lacks = context.connection.execute(
      "SELECT u.at FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY "
      "AS u (schema, name, privilege, columns, at) JOIN pg_namespace AS n ON n.nspname = u.schema "
      "JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = u.name "
      "WHERE NOT EXISTS (SELECT FROM unnest($5::name[]) AS r "
      "WHERE has_table_privilege(r, c.oid, u.privilege) OR (cardinality(u.columns::text[]) > 0 "
      "AND NOT EXISTS (SELECT FROM unnest(u.columns::text[]) AS k (name) JOIN pg_attribute AS a "
      "ON a.attrelid = c.oid AND a.attname = k.name "
      "WHERE NOT has_column_privilege(r, c.oid, a.attnum, u.privilege)))) ORDER BY u.at",
      {sql::text_array_literal(schemas), sql::text_array_literal(tables),
       sql::text_array_literal(privileges), sql::text_array_literal(columns), lacking.roles()});
  for (int row = 0; row < lacks.rows(); ++row) {
    const Needs::Use& use = uses.at(static_cast<std::size_t>(lacks.integer(row, 0) - 1));
    lacking.add(fmt::format("{} ({}) on", use.privilege, use.purpose),
                use.table->name.display(context.spec.schema),
                fmt::format("{} ON {}", use.privilege, use.table->name.quoted()));
  }
}

/// Hidden rows would stay as they are without a word, and a foreign key's validation passes over
/// rows of the referencing table that the role does not see.
void check_row_security(PreflightContext& context, std::vector<const sql::Table*> tables,
                        const std::set<const sql::Table*>& read) {
  tables.insert(tables.end(), read.begin(), read.end());
  std::vector<std::string> hidden;
  for (const sql::Table* table : tables) {
    const std::string label = table->name.display(context.spec.schema);
    const bool told = std::find(hidden.begin(), hidden.end(), label) != hidden.end();
    if (table->row_security_active && !told) hidden.push_back(label);
  }
  if (hidden.empty()) return;
  const std::string& role = context.catalog.current_user;
  context.refuse(
      "row security",
      fmt::format("it hides rows of {} from role {}, so some would silently stay as they "
                  "are, and foreign keys could not be trusted",
                  named(hidden), role),
      "run as a role with BYPASSRLS, or as the owner without FORCE ROW LEVEL SECURITY");
}

}  // namespace

bool check_privileges(PreflightContext& context, const Needs& needs) {
  const std::size_t before = context.findings.size();
  const auto altered = altered_tables(context, needs);
  Lacking lacking(context);
  check_owners(context, altered, needs, lacking);
  check_database(context, lacking);
  check_schemas(context, altered, needs, lacking);
  check_uses(context, needs, lacking);
  lacking.report();
  check_row_security(context, altered, needs.read);
  return context.findings.size() == before;
}

}  // namespace pgbackfill::planner
