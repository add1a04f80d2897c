#include "planner/backfill/batch_sql.hpp"
#include "planner/backfill/dependencies.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

constexpr int kFirstTidRangeScanVersion = 140000;
/// From this pg_stats.correlation on, neighbours in the heap share the index's cached pages.
constexpr double kClusteredCorrelation = 0.95;
/// Rows of a page where the server has no statistics yet; only orders and displays.
constexpr double kRowsPerBlockGuess = 50;

/// One physical table while its assignments are gathered.
struct Draft {
  const sql::Table* leaf = nullptr;
  TableBackfill backfill;
  bool data_path = false;
};

/// Drafts by name; a std::map keeps references valid and the order stable.
using Drafts = std::map<sql::QualifiedName, Draft>;

Draft& draft_of(Drafts& drafts, const sql::Table& leaf) {
  Draft& draft = drafts[leaf.name];
  draft.leaf = &leaf;
  return draft;
}

std::string input_type(const sql::Table& table, const std::string& column) {
  const sql::Column* found = table.column(column);
  return found == nullptr ? "" : found->type;
}

/// What a row gets for which source_expression() is NULL. A parent's expression holds its constant
/// already, for only the expression can tell a parent without a value from a missing one.
Otherwise otherwise_of_null(const ValueSource& source) {
  const bool held =
      source.kind == SourceKind::kParent && source.otherwise.kind == Otherwise::Kind::kConstant;
  return held ? Otherwise{} : source.otherwise;
}

Assignment tenant_assignment(const PlanContext& context, const TableWork& work) {
  const ValueSource& source = *work.source;
  Assignment assignment;
  assignment.column = context.spec.tenant->column;
  assignment.type = work.column == nullptr ? context.tenant_type : work.column->type;
  assignment.expression = source_expression(context, work);
  assignment.pending = fmt::format("t.{} IS NULL", quote_identifier(assignment.column));
  switch (source.kind) {
    case SourceKind::kConstant:
      assignment.resolve = ResolveKind::kConstant;
      assignment.constant = source.constant;
      return assignment;
    case SourceKind::kLookup:
      assignment.resolve = ResolveKind::kLookup;
      assignment.lookup = source.lookup;
      break;
    case SourceKind::kParent:
    case SourceKind::kSql:
      assignment.resolve = ResolveKind::kServer;
      break;
  }
  assignment.otherwise = otherwise_of_null(source);
  if (source.kind != SourceKind::kSql) {
    assignment.input = source.key;
    assignment.input_type = input_type(*work.table, source.key);
  }
  return assignment;
}

Assignment shadow_assignment(const EnumWork& work, const EnumColumnWork& column) {
  Assignment assignment;
  assignment.column = column.shadow;
  assignment.type = work.shadow_type.quoted();
  assignment.resolve = ResolveKind::kRemap;
  assignment.remap = work.remap;
  assignment.input = column.column->name;
  assignment.input_type = work.type->name.quoted();
  assignment.expression = remap_expression(work, column, "t");
  assignment.pending =
      fmt::format("t.{} IS NOT NULL AND t.{} IS NULL", quote_identifier(assignment.input),
                  quote_identifier(assignment.column));
  return assignment;
}

Drafts gather(const PlanContext& context) {
  Drafts drafts;
  for (const TableWork& work : context.scope.tables) {
    if (!work.needs_value) continue;
    for (const sql::Table* leaf : physical_tables(context.catalog, *work.table)) {
      Draft& draft = draft_of(drafts, *leaf);
      draft.backfill.assignments.push_back(tenant_assignment(context, work));
      draft.data_path = draft.data_path || !work.by_catalog;
    }
  }
  for (const EnumWork& work : context.scope.enums) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumColumnWork& column : work.columns) {
      for (const sql::Table* leaf : physical_tables(context.catalog, *column.table)) {
        Draft& draft = draft_of(drafts, *leaf);
        draft.backfill.assignments.push_back(shadow_assignment(work, column));
        draft.data_path = true;
      }
    }
  }
  return drafts;
}

void choose_method(PlanContext& context, Draft& draft, const std::string& label) {
  const MethodChoice choice = context.spec.run.method;
  if (!draft.data_path) {
    draft.backfill.method = Method::kCatalog;
    return;
  }
  draft.backfill.method = choice == MethodChoice::kUpdate ? Method::kUpdate : Method::kCopy;
  if (choice == MethodChoice::kCatalog) {
    context.plan.notes.push_back(
        fmt::format("{}: the catalog method cannot give its values; copy is used", label));
  }
}

void choose_order(PlanContext& context, Draft& draft, const std::string& label) {
  TableBackfill& backfill = draft.backfill;
  if (const sql::Index* key = draft.leaf->row_key()) {
    for (const std::string& name : key->columns) {
      backfill.key.push_back({name, input_type(*draft.leaf, name)});
    }
  }
  const bool has_key = !backfill.key.empty();
  if (has_key) {
    const sql::Column* first = draft.leaf->column(backfill.key.front().name);
    backfill.clustered = first != nullptr && std::abs(first->correlation) >= kClusteredCorrelation;
  }
  const bool scans_ranges = context.catalog.server_version >= kFirstTidRangeScanVersion &&
                            draft.leaf->access_method == "heap";
  switch (context.spec.run.order) {
    case OrderChoice::kAuto:
      backfill.order = scans_ranges || !has_key ? ReadOrder::kBlock : ReadOrder::kKey;
      break;
    case OrderChoice::kBlock:
      backfill.order = ReadOrder::kBlock;
      break;
    case OrderChoice::kKey:
      backfill.order = has_key ? ReadOrder::kKey : ReadOrder::kBlock;
      if (!has_key) {
        context.plan.notes.push_back(
            fmt::format("{}: no usable key, so it is read in block order", label));
      }
      break;
  }
}

std::string backfill_title(const TableBackfill& backfill) {
  std::vector<std::string> columns;
  for (const Assignment& assignment : backfill.assignments) columns.push_back(assignment.column);
  if (backfill.method == Method::kCatalog) {
    return fmt::format("{}: set by the column's default, no row is written", join(columns, ", "));
  }
  return fmt::format("fill {} by {}, in {} order", join(columns, ", "), to_string(backfill.method),
                     to_string(backfill.order));
}

struct Placed {
  int level = 0;
  std::vector<std::string> after;
};

/// By leaf: where its backfill stands and what it waits for.
std::map<sql::QualifiedName, Placed> place(const PlanContext& context) {
  std::map<sql::QualifiedName, Placed> places;
  const Dependencies dependencies(context.spec, context.scope);
  const auto& tables = context.scope.tables;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    Placed placed{dependencies.level(i), {}};
    for (const std::size_t other : dependencies.of(i)) {
      if (!tables[other].needs_value) continue;
      const auto ids = backfill_ids(context, *tables[other].table);
      placed.after.insert(placed.after.end(), ids.begin(), ids.end());
    }
    for (const sql::Table* leaf : physical_tables(context.catalog, *tables[i].table)) {
      places[leaf->name] = placed;
    }
  }
  return places;
}

}  // namespace

std::string source_expression(const PlanContext& context, const TableWork& work) {
  const ValueSource& source = *work.source;
  const std::string& type = work.column == nullptr ? context.tenant_type : work.column->type;
  const std::string key = "t." + quote_identifier(source.key);
  switch (source.kind) {
    case SourceKind::kConstant:
      return constant_expression(source.constant, type);
    case SourceKind::kLookup: {
      const std::string key_type = lookup_key_type(context.scope, source.lookup);
      const bool cast = key_type == "text" && input_type(*work.table, source.key) != "text";
      return fmt::format("(SELECT l.value FROM {} AS l WHERE l.key = {}{})",
                         ledger_name("lookup", source.lookup).quoted(), key, cast ? "::text" : "");
    }
    case SourceKind::kParent: {
      const auto name = resolve_name(source.parent, context.spec.schema);
      const sql::Table* parent = context.catalog.table(name);
      const std::string& tenant = context.spec.tenant->column;
      const auto primary =
          parent == nullptr ? std::nullopt : parent_key(*work.table, source.key, *parent);
      const sql::Column* value = parent == nullptr ? nullptr : parent->column(tenant);
      const bool cast = value != nullptr && value->type != type;
      const std::string found =
          fmt::format("p.{}{}", quote_identifier(tenant), cast ? "::" + type : "");
      const std::string id = "p." + quote_identifier(primary.value_or(""));
      if (source.otherwise.kind != Otherwise::Kind::kConstant) {
        return fmt::format("(SELECT {} FROM {} AS p WHERE {} = {})", found, name.quoted(), id, key);
      }
      // A parent that is there but has no organization yet is no reason to take the constant.
      return fmt::format(
          "(SELECT CASE WHEN {} IS NULL THEN {} ELSE {} END FROM (SELECT) AS one "
          "LEFT JOIN {} AS p ON {} = {})",
          id, constant_expression(source.otherwise.constant, type), found, name.quoted(), id, key);
    }
    case SourceKind::kSql:
      // Lets the expression name columns bare or with the table's own name.
      return fmt::format("((SELECT ({}) FROM (SELECT t.*) AS {})::{})", source.expression,
                         quote_identifier(work.table->name.name), type);
  }
  return "NULL";
}

std::string filled_expression(const PlanContext& context, const TableWork& work) {
  const std::string expression = source_expression(context, work);
  const Otherwise otherwise = otherwise_of_null(*work.source);
  if (otherwise.kind != Otherwise::Kind::kConstant) return expression;
  const std::string& type = work.column == nullptr ? context.tenant_type : work.column->type;
  return fmt::format("COALESCE({}, {})", expression, constant_expression(otherwise.constant, type));
}

void plan_backfill(PlanContext& context) {
  Drafts drafts = gather(context);
  const auto places = place(context);
  std::vector<std::pair<int, Step>> steps;
  for (auto& [name, draft] : drafts) {
    const std::string label = name.display(context.spec.schema);
    draft.backfill.table = name;
    draft.backfill.blocks = draft.leaf->blocks;
    draft.backfill.fillfactor = draft.leaf->fillfactor;
    draft.backfill.indexes = static_cast<int>(draft.leaf->indexes.size());
    draft.backfill.estimated_rows =
        draft.leaf->reltuples > 0 ? draft.leaf->reltuples
                                  : static_cast<double>(draft.leaf->blocks) * kRowsPerBlockGuess;
    choose_method(context, draft, label);
    choose_order(context, draft, label);
    Step step;
    step.id = backfill_id(label);
    step.stage = Stage::kBackfill;
    step.kind = StepKind::kBackfill;
    step.table = label;
    step.title = backfill_title(draft.backfill);
    step.sql = batch_statements(draft.backfill);
    step.backfill = draft.backfill;
    int level = 0;
    if (const auto found = places.find(name); found != places.end()) {
      level = found->second.level;
      step.after = found->second.after;
    }
    steps.emplace_back(level, std::move(step));
  }
  std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.second.backfill->blocks > b.second.backfill->blocks;
  });
  for (auto& [level, step] : steps) context.plan.steps.push_back(std::move(step));
}

}  // namespace pgbackfill::planner
