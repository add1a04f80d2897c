#include "planner/plan/plan.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <stdexcept>

// The ledger keeps plans in this form: a change of a name or of an enumerator's text is a change
// of the ledger's format.

namespace pgbackfill::sql {

static void to_json(nlohmann::ordered_json& json, const QualifiedName& name) {
  json = {{"schema", name.schema}, {"name", name.name}};
}

static void from_json(const nlohmann::ordered_json& json, QualifiedName& name) {
  name = {json.at("schema"), json.at("name")};
}

}  // namespace pgbackfill::sql

namespace pgbackfill::planner {

using Json = nlohmann::ordered_json;

namespace {

constexpr int kPlanFormat = 1;

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Names<StepKind, 7> kStepKinds{{{StepKind::kSql, "sql"},
                                         {StepKind::kAlone, "alone"},
                                         {StepKind::kLookup, "lookup"},
                                         {StepKind::kBackfill, "backfill"},
                                         {StepKind::kReconcile, "reconcile"},
                                         {StepKind::kFill, "fill"},
                                         {StepKind::kCatchUp, "catch-up"}}};
constexpr Names<Method, 3> kMethods{
    {{Method::kCatalog, "catalog"}, {Method::kCopy, "copy"}, {Method::kUpdate, "update"}}};
constexpr Names<ReadOrder, 2> kOrders{{{ReadOrder::kBlock, "block"}, {ReadOrder::kKey, "key"}}};
constexpr Names<ResolveKind, 4> kResolves{{{ResolveKind::kConstant, "constant"},
                                           {ResolveKind::kLookup, "lookup"},
                                           {ResolveKind::kRemap, "remap"},
                                           {ResolveKind::kServer, "server"}}};
constexpr Names<Otherwise::Kind, 3> kOtherwises{{{Otherwise::Kind::kFail, "fail"},
                                                 {Otherwise::Kind::kQuarantine, "quarantine"},
                                                 {Otherwise::Kind::kConstant, "constant"}}};

template <typename Enum, std::size_t N>
std::string name_of(const Names<Enum, N>& names, Enum value) {
  for (const auto& [key, name] : names) {
    if (key == value) return std::string(name);
  }
  throw std::logic_error("an enumerator has no name in the plan's format");
}

template <typename Enum, std::size_t N>
Enum value_of(const Names<Enum, N>& names, const Json& json) {
  const auto text = json.get<std::string>();
  for (const auto& [key, name] : names) {
    if (name == text) return key;
  }
  throw std::runtime_error("the plan holds the unknown word \"" + text + "\"");
}

}  // namespace

static void to_json(Json& json, const IndexSpec& index) {
  json = {{"name", index.name}, {"columns", index.columns}};
}

static void from_json(const Json& json, IndexSpec& index) {
  json.at("name").get_to(index.name);
  json.at("columns").get_to(index.columns);
}

static void to_json(Json& json, const Otherwise& otherwise) {
  json = {{"kind", name_of(kOtherwises, otherwise.kind)}, {"constant", otherwise.constant}};
}

static void from_json(const Json& json, Otherwise& otherwise) {
  otherwise.kind = value_of(kOtherwises, json.at("kind"));
  json.at("constant").get_to(otherwise.constant);
}

static void to_json(Json& json, const KeyColumn& column) {
  json = {{"name", column.name}, {"type", column.type}};
}

static void from_json(const Json& json, KeyColumn& column) {
  json.at("name").get_to(column.name);
  json.at("type").get_to(column.type);
}

static void to_json(Json& json, const Assignment& assignment) {
  json = {{"column", assignment.column},
          {"type", assignment.type},
          {"resolve", name_of(kResolves, assignment.resolve)},
          {"constant", assignment.constant},
          {"lookup", assignment.lookup},
          {"remap", Json::array()},
          {"input", assignment.input},
          {"input_type", assignment.input_type},
          {"expression", assignment.expression},
          {"otherwise", assignment.otherwise},
          {"pending", assignment.pending}};
  if (assignment.join) {
    json["join"] = {{"from", assignment.join->from},
                    {"on", assignment.join->on},
                    {"value", assignment.join->value},
                    {"rows", assignment.join->rows}};
  }
  for (const auto& [from, to] : assignment.remap) {
    json["remap"].push_back({{"from", from}, {"to", to}});
  }
}

static void from_json(const Json& json, Assignment& assignment) {
  json.at("column").get_to(assignment.column);
  json.at("type").get_to(assignment.type);
  assignment.resolve = value_of(kResolves, json.at("resolve"));
  json.at("constant").get_to(assignment.constant);
  json.at("lookup").get_to(assignment.lookup);
  for (const Json& entry : json.at("remap")) {
    assignment.remap.emplace_back(entry.at("from"), entry.at("to"));
  }
  json.at("input").get_to(assignment.input);
  json.at("input_type").get_to(assignment.input_type);
  json.at("expression").get_to(assignment.expression);
  json.at("otherwise").get_to(assignment.otherwise);
  json.at("pending").get_to(assignment.pending);
  if (const auto join = json.find("join"); join != json.end()) {
    assignment.join = {join->at("from"), join->at("on"), join->at("value"), join->at("rows")};
  }
}

static void to_json(Json& json, const TableBackfill& backfill) {
  json = {{"table", backfill.table},
          {"method", name_of(kMethods, backfill.method)},
          {"order", name_of(kOrders, backfill.order)},
          {"key", backfill.key},
          {"clustered", backfill.clustered},
          {"assignments", backfill.assignments},
          {"estimated_rows", backfill.estimated_rows},
          {"blocks", backfill.blocks},
          {"fillfactor", backfill.fillfactor},
          {"indexes", backfill.indexes},
          {"buffers", backfill.buffers},
          {"why", backfill.why}};
}

static void from_json(const Json& json, TableBackfill& backfill) {
  json.at("table").get_to(backfill.table);
  backfill.method = value_of(kMethods, json.at("method"));
  backfill.order = value_of(kOrders, json.at("order"));
  json.at("key").get_to(backfill.key);
  json.at("clustered").get_to(backfill.clustered);
  json.at("assignments").get_to(backfill.assignments);
  json.at("estimated_rows").get_to(backfill.estimated_rows);
  json.at("blocks").get_to(backfill.blocks);
  json.at("fillfactor").get_to(backfill.fillfactor);
  json.at("indexes").get_to(backfill.indexes);
  // Jobs begun by an earlier version have neither.
  backfill.buffers = json.value("buffers", std::int64_t{0});
  backfill.why = json.value("why", std::string());
}

// A step holds steps of its own.
static void to_json(Json& json, const Step& step);
static void from_json(const Json& json, Step& step);

static void to_json(Json& json, const Step& step) {
  json = {{"id", step.id},
          {"stage", to_string(step.stage)},
          {"kind", name_of(kStepKinds, step.kind)},
          {"table", step.table},
          {"title", step.title},
          {"sql", step.sql},
          {"probe", step.probe},
          {"leftover_probe", step.leftover_probe},
          {"leftover_sql", step.leftover_sql},
          {"inverse", step.inverse},
          {"irreversible", step.irreversible},
          {"lookup", step.lookup},
          {"lookup_table", step.lookup_table},
          {"sweep", step.sweep},
          {"after", step.after}};
  if (!step.partition.empty()) json["partition"] = step.partition;
  if (!step.undo.empty()) json["undo"] = step.undo;
  if (!step.losses.empty()) json["losses"] = step.losses;
  if (step.backfill) json["backfill"] = *step.backfill;
}

static void from_json(const Json& json, Step& step) {
  json.at("id").get_to(step.id);
  const auto stage = parse_stage(json.at("stage").get<std::string>());
  if (!stage) throw std::runtime_error("the plan holds an unknown stage at step " + step.id);
  step.stage = *stage;
  step.kind = value_of(kStepKinds, json.at("kind"));
  json.at("table").get_to(step.table);
  json.at("title").get_to(step.title);
  json.at("sql").get_to(step.sql);
  json.at("probe").get_to(step.probe);
  json.at("leftover_probe").get_to(step.leftover_probe);
  json.at("leftover_sql").get_to(step.leftover_sql);
  json.at("inverse").get_to(step.inverse);
  json.at("irreversible").get_to(step.irreversible);
  json.at("lookup").get_to(step.lookup);
  json.at("lookup_table").get_to(step.lookup_table);
  json.at("sweep").get_to(step.sweep);
  json.at("after").get_to(step.after);
  step.partition = json.value("partition", std::string());
  if (json.contains("undo")) json.at("undo").get_to(step.undo);
  if (json.contains("losses")) json.at("losses").get_to(step.losses);
  if (json.contains("backfill")) step.backfill = json.at("backfill").get<TableBackfill>();
}

static void to_json(Json& json, const TableTarget& target) {
  json = {{"table", target.table},
          {"column", target.column},
          {"type", target.type},
          {"references", target.references},
          {"references_column", target.references_column},
          {"foreign_key", target.foreign_key},
          {"indexes", target.indexes}};
}

static void from_json(const Json& json, TableTarget& target) {
  json.at("table").get_to(target.table);
  json.at("column").get_to(target.column);
  json.at("type").get_to(target.type);
  json.at("references").get_to(target.references);
  json.at("references_column").get_to(target.references_column);
  json.at("foreign_key").get_to(target.foreign_key);
  json.at("indexes").get_to(target.indexes);
}

static void to_json(Json& json, const EnumTarget& target) {
  json = {{"type", target.type}, {"labels", target.labels}, {"ordered", target.ordered}};
}

static void from_json(const Json& json, EnumTarget& target) {
  json.at("type").get_to(target.type);
  json.at("labels").get_to(target.labels);
  json.at("ordered").get_to(target.ordered);
}

std::string to_json(const Plan& plan) {
  const Json json = {{"format", kPlanFormat}, {"schema", plan.schema}, {"notes", plan.notes},
                     {"tables", plan.tables}, {"enums", plan.enums},   {"steps", plan.steps}};
  // Names in the database are bytes; what is not UTF-8 must not make the plan unwritable.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Plan plan_from_json(std::string_view text) {
  const Json json = Json::parse(text);
  if (const int format = json.at("format"); format != kPlanFormat) {
    throw std::runtime_error("the plan is of format " + std::to_string(format) +
                             ", which this version does not read");
  }
  Plan plan;
  json.at("schema").get_to(plan.schema);
  json.at("notes").get_to(plan.notes);
  json.at("tables").get_to(plan.tables);
  json.at("enums").get_to(plan.enums);
  json.at("steps").get_to(plan.steps);
  return plan;
}

}  // namespace pgbackfill::planner
