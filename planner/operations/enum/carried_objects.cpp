#include "planner/operations/enum/carried_objects.hpp"

#include "planner/operations/enum/enum_index.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace pgbackfill::planner {
namespace {

void merge(RewrittenText& all, const RewrittenText& one) {
  all.labels.insert(one.labels.begin(), one.labels.end());
  all.unknown.insert(one.unknown.begin(), one.unknown.end());
  all.plain_texts.insert(one.plain_texts.begin(), one.plain_texts.end());
  all.casts_expressions = all.casts_expressions || one.casts_expressions;
  all.opaque_literals = all.opaque_literals || one.opaque_literals;
}

/// The columns' privileges, comments and options, of a relation or of the one generated column.
void decorate(sql::Connection& connection, CarriedObject& object) {
  const sql::Result columns = connection.execute(
      fmt::format("SELECT n.nspname, c.relname, a.attname FROM pg_attribute AS a JOIN pg_class AS "
                  "c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE "
                  "{} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                  object.kind == "generated" ? "(a.attrelid, a.attnum) = (SELECT adrelid, adnum "
                                               "FROM pg_attrdef WHERE oid = $1::oid)"
                                             : "a.attrelid = $1::oid"),
      {object.object});
  for (int i = 0; i < columns.rows(); ++i) {
    const sql::QualifiedName view{std::string(columns.text(i, 0)), std::string(columns.text(i, 1))};
    const std::string_view column = columns.text(i, 2);
    for (std::string& statement : sql::column_decoration(connection, view, column, column)) {
      object.create.push_back(std::move(statement));
    }
  }
}

/// Into the parentheses of the statement before, without the casts that tell what they are.
void add_first_states(const std::vector<std::string>& states, const LabelRules& rules,
                      CarriedObject& object) {
  std::string& aggregate = object.create.back();
  for (const std::string& state : states) {
    const RewrittenText rewritten = rewrite_labels(state, rules);
    merge(object.rewritten, rewritten);
    aggregate.insert(aggregate.rfind(')'),
                     ", " + rewritten.text.substr(0, rewritten.text.rfind("::")));
  }
}

void define(sql::Connection& connection, const LabelRules& rules, CarriedObject& object) {
  const sql::Result rows =
      connection.execute(sql::statement("carried_" + object.kind), {object.object});
  for (int i = 0; i < rows.rows(); ++i) {
    if (rows.text(i, 0) == "drop") {
      object.drop.emplace_back(rows.text(i, 1));
      continue;
    }
    RewrittenText rewritten = rewrite_labels(rows.text(i, 1), rules);
    object.create.push_back(std::move(rewritten.text));
    merge(object.rewritten, rewritten);
    if (rows.columns() > 2 && !rows.is_null(i, 2)) {
      add_first_states(rows.text_array(i, 2), rules, object);
    }
  }
  if (object.kind == "relation" || object.kind == "composite" || object.kind == "generated") {
    decorate(connection, object);
  }
}

bool needed_by_any(const CarriedObject& object, const std::vector<CarriedObject>& objects,
                   const std::set<std::string>& gone) {
  return std::any_of(objects.begin(), objects.end(), [&](const CarriedObject& other) {
    return !gone.contains(other.id) &&
           std::find(other.needs.begin(), other.needs.end(), object.id) != other.needs.end();
  });
}

/// Of one transaction, in which the server writes every name with its schema.
sql::Result find_objects(sql::Connection& connection, const EnumWork& work) {
  connection.execute("SET LOCAL search_path = pg_catalog");
  // Compiling the query takes the server seconds, running it milliseconds.
  connection.execute("SET LOCAL jit = off");
  return connection.execute(carried_query(work));
}

/// Row values of a composite type, of which literals are not taken apart.
void add_opaque(sql::Connection& connection, std::string_view relation, LabelRules& rules) {
  const sql::Result row = connection.execute(
      "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = "
      "c.relnamespace WHERE c.oid = $1::oid",
      {std::string(relation)});
  rules.opaque_types.insert({std::string(row.text(0, 0)), std::string(row.text(0, 1))});
}

}  // namespace

std::string carried_query(const EnumWork& work) {
  std::vector<std::string> tables;
  std::vector<std::string> columns;
  for (const EnumColumnWork& column : work.columns) {
    tables.push_back(column.table->name.quoted());
    columns.push_back(column.column->name);
  }
  const std::vector<std::string> values{work.type->name.quoted(), sql::text_array_literal(tables),
                                        sql::text_array_literal(columns)};
  const std::string_view statement = sql::statement("enum_carried");
  std::string query;
  // Behind the comment, which names the parameters too; in one pass, for what is filled in may
  // itself look like one.
  std::size_t from = statement.find("WITH RECURSIVE");
  for (auto at = statement.find('$', from); at != statement.npos; at = statement.find('$', from)) {
    query += statement.substr(from, at - from);
    query += sql::quote_literal(values.at(static_cast<std::size_t>(statement.at(at + 1) - '1')));
    from = at + 2;
  }
  query += statement.substr(from);
  return query;
}

void note_what_is_built_anew(sql::Connection& connection, Scope& scope) {
  for (EnumWork& work : scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    sql::Transaction undone(connection);
    work.dependents = std::make_shared<const sql::Result>(find_objects(connection, work));
    const sql::Result& rows = *work.dependents;
    for (int i = 0; i < rows.rows(); ++i) {
      const std::string_view kind = rows.text(i, 0);
      if (kind == "index" || kind == "constraint") work.built_anew.emplace(rows.text(i, 2));
    }
  }
}

std::vector<CarriedObject> in_creation_order(std::vector<CarriedObject> objects) {
  std::vector<CarriedObject> ordered;
  std::set<std::string> made;
  while (!objects.empty()) {
    const auto next = std::find_if(objects.begin(), objects.end(), [&](const auto& object) {
      return std::all_of(object.needs.begin(), object.needs.end(),
                         [&](const std::string& id) { return made.contains(id); });
    });
    if (next == objects.end()) {
      throw std::runtime_error(
          fmt::format("{} and what it is made of need each other", objects.front().description));
    }
    made.insert(next->id);
    ordered.push_back(std::move(*next));
    objects.erase(next);
  }
  return ordered;
}

std::vector<const CarriedObject*> in_drop_order(const std::vector<CarriedObject>& objects) {
  std::vector<const CarriedObject*> order;
  std::set<std::string> gone;
  while (order.size() < objects.size()) {
    const CarriedObject* next = nullptr;
    for (auto object = objects.rbegin(); object != objects.rend(); ++object) {
      if (gone.contains(object->id) || needed_by_any(*object, objects, gone)) continue;
      if (next == nullptr || (object->kind == "relation" && next->kind != "relation")) {
        next = &*object;
      }
    }
    if (next == nullptr) throw std::logic_error("carried objects are not in order");
    gone.insert(next->id);
    order.push_back(next);
  }
  return order;
}

LabelRules label_rules(const Scope& scope, const EnumWork& work) {
  LabelRules rules;
  for (const EnumWork& other : scope.of<EnumWork>()) {
    // Of a way back the scope holds the way there.
    const bool itself = other.type == work.type;
    if (other.path != EnumPath::kNone) add_label_types(itself ? work : other, rules);
    if (itself) break;
  }
  return rules;
}

Carried carried_objects(sql::Connection& connection, const Scope& scope, const EnumWork& work) {
  LabelRules rules = label_rules(scope, work);
  sql::Transaction undone(connection);
  const std::shared_ptr<const sql::Result> found =
      work.dependents ? work.dependents
                      : std::make_shared<const sql::Result>(find_objects(connection, work));
  const sql::Result& rows = *found;
  connection.execute("SET LOCAL search_path = pg_catalog");
  for (int i = 0; i < rows.rows(); ++i) {
    if (rows.text(i, 0) == "composite") add_opaque(connection, rows.text(i, 2), rules);
  }
  Carried carried;
  for (int i = 0; i < rows.rows(); ++i) {
    CarriedObject object;
    object.kind = rows.text(i, 0);
    object.object = rows.text(i, 2);
    object.id = fmt::format("{} {}", rows.text(i, 1), object.object);
    object.description = rows.text(i, 3);
    if (object.kind.empty()) {
      carried.obstacles.push_back(std::move(object.description));
      continue;
    }
    object.needs = rows.text_array(i, 4);
    object.stored = rows.boolean(i, 5);
    object.populated = rows.boolean(i, 6);
    object.name = rows.text(i, 7);
    object.built_from = rows.text(i, 8);
    object.identity = rows.text(i, 9);
    if (!rows.is_null(i, 11)) {
      object.partition = {std::string(rows.text(i, 10)), std::string(rows.text(i, 11))};
    }
    define(connection, rules, object);
    carried.objects.push_back(std::move(object));
  }
  carried.objects = in_creation_order(std::move(carried.objects));
  return carried;
}

}  // namespace pgbackfill::planner
