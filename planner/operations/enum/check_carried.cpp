#include "planner/operations/enum/check_carried.hpp"

#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_check.hpp"
#include "planner/operations/enum/enum_domain.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_key.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/enum_sql.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kDropBefore = "drop it before the run, and create it again after it";
/// Up to here an exclusion constraint is built in moments while the table is locked.
constexpr std::int64_t kFewBlocks = 1000;

std::string key(std::string_view kind, std::string_view object) {
  return fmt::format("{}:{}", kind, object);
}

/// Labels that several now share a new one with, or that rows get by condition.
std::set<std::string> merged_labels(const EnumWork& work) {
  std::set<std::string> merged;
  for (const auto& [from, to] : work.remap) {
    for (const auto& [other, same] : work.remap) {
      if (from != other && to == same) merged.insert(from);
    }
  }
  return merged;
}

class CarriedCheck {
 public:
  CarriedCheck(PreflightContext& context, const EnumWork& work)
      : context_(context), work_(work), merged_(merged_labels(work)) {}

  std::set<std::string> run() {
    check_objects();
    for (const EnumDomainWork& domain : work_.domains) check_domain(domain);
    for (const EnumCompositeWork& composite : work_.composites) check_composite(composite);
    check_keys();
    for (const EnumTable& columns : enum_tables(work_)) {
      check_constraints(columns);
      check_indexes(columns);
    }
    return std::move(carried_);
  }

 private:
  void refuse(const std::string& object, const std::string& message) {
    context_.refuse(object, message, std::string(kDropBefore));
  }

  void check_objects() {
    Carried carried;
    try {
      carried = carried_objects(context_.connection, context_.scope, work_);
    } catch (const std::runtime_error& error) {
      if (dynamic_cast<const sql::Error*>(&error) != nullptr) throw;
      refuse("type " + work_.type->name.display(context_.spec.schema), error.what());
      return;
    }
    for (const CarriedObject& object : carried.objects) {
      const bool relation = object.kind == "relation";
      carried_.insert(
          key(relation ? "pg_rewrite" : object.id.substr(0, object.id.find(' ')), object.object));
      check_text(object.description, object.rewritten);
      check_building(object);
      if (object.stored && object.populated) {
        context_.warn(
            object.description,
            "the cutover creates it empty, and it cannot be read until it is filled again "
            "right after",
            "see that nobody needs it at that time");
      }
    }
    for (const std::string& obstacle : carried.obstacles) {
      refuse(obstacle, "it depends on an object that is set up anew for " +
                           work_.type->name.display(context_.spec.schema) +
                           ", and is not carried over");
    }
  }

  /// The server builds a stored generated column, and what lies over it, in no other way than
  /// with the table locked.
  void check_building(const CarriedObject& object) {
    if (!context_.spec.run.online) return;
    for (const sql::Table& table : context_.catalog.tables) {
      if (std::to_string(table.oid) != object.built_from || table.blocks <= kFewBlocks) continue;
      refuse(object.description,
             object.kind == "generated"
                 ? "it is a stored generated column of a large table, which the cutover would have "
                   "to write anew while it is locked; run with online = false for that"
                 : "it lies over something that the cutover sets up anew, and would have to be "
                   "built again while its large table is locked; run with online = false for that");
    }
  }

  void check_domain(const EnumDomainWork& work) {
    const sql::EnumDomain& domain = *work.domain;
    const std::string name = "domain " + domain.name.display(context_.spec.schema);
    const DomainUse use = domain_use(work_, domain);
    carried_.insert(key("pg_type", domain.oid));
    bool holds_all = false;
    for (const DomainRule& rule : domain_rules(context_.connection, work, shadow_rules(work_))) {
      carried_.insert(key("pg_constraint", rule.object));
      check_text(name, rule.rewritten);
      if (rule.kind == "default" && !plain_label(rule.rewritten)) {
        refuse(name, fmt::format("its default is not a plain label: {}", rule.definition));
      }
      holds_all = holds_all || rule.holds_for_all();
    }
    if (holds_all && !use.columns.empty() && !use.arrays.empty()) {
      refuse(name,
             fmt::format("it has constraints, and there are both columns of it ({}) and arrays of "
                         "it ({})",
                         shown(*use.columns.front()), shown(*use.arrays.front())));
    }
    if (!holds_all || !context_.spec.run.online) return;
    for (const EnumColumnWork* column : use.columns) {
      if (column->table->blocks <= kFewBlocks) continue;
      refuse(name, fmt::format("it has constraints, and {} is of it: the cutover would have to "
                               "compare that large table with them while it is locked; run with "
                               "online = false for that",
                               shown(*column)));
      break;
    }
  }

  void check_composite(const EnumCompositeWork& work) {
    carried_.insert(key("pg_class", work.composite->relation));
    const std::string name = "composite type " + work.composite->name.display(context_.spec.schema);
    if (!work.composite->obstacle.empty()) {
      context_.refuse(
          name,
          fmt::format("{} keeps it from following: arrays, domains, typed and foreign "
                      "tables of it are not carried over, nor are labels deeper inside",
                      work.composite->obstacle),
          "drop that, or give it another type, before the run; set it up again after it");
    }
    if (!work_.spec->when.empty()) {
      context_.refuse(name, "columns are of it, and the labels in them would be split by \"when\"",
                      "use map alone, or give those columns another type before the run");
    }
    for (const EnumWork& other : context_.scope.of<EnumWork>()) {
      if (&other == &work_ || other.path != EnumPath::kShadow) continue;
      for (const EnumCompositeWork& same : other.composites) {
        if (same.composite->name == work.composite->name && work_.type->name < other.type->name) {
          context_.refuse(name, "it holds two types that are replaced",
                          "let two jobs replace them, one after the other");
        }
      }
    }
  }

  static std::string shown(const EnumColumnWork& column) {
    return fmt::format("{}.{}", column.label, column.column->name);
  }

  void check_text(const std::string& object, const RewrittenText& text) {
    if (text.opaque_literals) {
      refuse(object, "it holds a row value with labels as a literal, which is not taken apart");
    }
    if (!text.plain_texts.empty()) {
      context_.warn(object,
                    fmt::format("it has as plain text, not as a label of the type, and keeps: {}",
                                fmt::join(text.plain_texts, ", ")),
                    "see whether it compares a label as text, and change it if so");
    }
    for (const std::string& label : text.labels) {
      if (work_.splits(label)) {
        refuse(object, fmt::format("it names the label {}, which is split; which of the new ones "
                                   "is meant cannot be told",
                                   sql::quote_literal(label)));
      } else if (merged_.contains(label)) {
        context_.warn(object,
                      fmt::format("it names the label {}, which becomes one with others, and so "
                                  "will hold for more rows",
                                  sql::quote_literal(label)),
                      "see that this is meant");
      }
    }
  }

  void check_keys() {
    for (const EnumKey& key : enum_keys(context_.connection, work_)) {
      carried_.insert(planner::key("pg_constraint", key.object));
      const std::string name = fmt::format("foreign key {} of table {}", key.name,
                                           key.table.display(context_.spec.schema));
      for (const sql::QualifiedName& end : {key.table, key.referenced}) {
        const sql::Table* table = context_.catalog.table(end);
        if (table != nullptr && table->kind == 'p') {
          refuse(name, "one of its ends is partitioned, and its columns are replaced");
          break;
        }
      }
      if (!work_.spec->when.empty()) {
        refuse(name,
               "its two ends would get their labels by \"when\", each by conditions over its own "
               "rows");
      }
      refuse_other_type(name, key.table, key.columns);
      refuse_other_type(name, key.referenced, key.referenced_columns);
    }
  }

  /// Once for both types.
  void refuse_other_type(const std::string& name, const sql::QualifiedName& table,
                         const std::vector<std::string>& columns) {
    for (const EnumWork& other : context_.scope.of<EnumWork>()) {
      if (&other == &work_ || other.path != EnumPath::kShadow) continue;
      for (const EnumColumnWork& second : other.columns) {
        if (second.table->name == table && work_.type->name < other.type->name &&
            std::find(columns.begin(), columns.end(), second.column->name) != columns.end()) {
          refuse(name, "it holds columns of two types that are replaced");
        }
      }
    }
  }

  void check_constraints(const EnumTable& columns) {
    for (const EnumCheck& check : enum_table_checks(context_.connection, work_, *columns.table)) {
      carried_.insert(key("pg_constraint", check.object));
      check_text(fmt::format("constraint {} on table {}", check.name, columns.label),
                 check.rewritten);
    }
  }

  /// Those that not every partition has would go with the old column, unnoticed.
  void check_incomplete(const EnumTable& columns) {
    for (const sql::Index& index : columns.table->indexes) {
      if (index.valid || columns.table->kind != 'p') continue;
      for (const EnumColumnWork* column : columns.columns) {
        if (std::find(index.mentioned.begin(), index.mentioned.end(), column->column->name) ==
            index.mentioned.end()) {
          continue;
        }
        refuse(fmt::format("index {} of table {}", index.name, columns.label),
               "it is not valid: some partitions lack it");
        break;
      }
    }
  }

  void check_indexes(const EnumTable& columns) {
    check_incomplete(columns);
    for (const EnumIndex& index : enum_indexes(context_.connection, work_, *columns.table)) {
      carried_.insert(key("pg_class", index.object));
      if (!index.constraint_object.empty()) {
        carried_.insert(key("pg_constraint", index.constraint_object));
      }
      const std::string name =
          fmt::format("index {} of table {}", index.index->name, columns.label);
      check_text(name, index.rewritten);
      check_index(columns, index, name);
    }
  }

  void check_index(const EnumTable& columns, const EnumIndex& index, const std::string& name) {
    const sql::Table& table = *columns.table;
    if (table.kind == 'p' && (index.built_as_constraint() || !index.targets.empty())) {
      refuse(name,
             "it is an exclusion constraint, deferrable, or has statistics targets, of a "
             "partitioned table, and is not carried over");
    } else if (table.kind == 'p' && index.constraint_kind != ' ' &&
               !index.storage_changes.empty()) {
      refuse(name,
             "it is a constraint of a partitioned table with storage parameters or a "
             "tablespace, and is not carried over");
    }
    for (const std::string& foreign : index.keys_to_it) {
      if (carried_.contains(key("pg_constraint", foreign))) continue;
      refuse(name, "a foreign key over other columns leads to it, and is not carried over");
      break;
    }
    if (index.deferrable && index.constraint_kind == 'p') {
      refuse(name, "it is a deferrable primary key, of which a table has one only");
    } else if (index.built_as_constraint() && context_.spec.run.online &&
               table.blocks > kFewBlocks) {
      refuse(name,
             fmt::format("it is {} constraint of a large table, and the server cannot build one "
                         "without locking the table; run with online = false for that",
                         index.deferrable ? "a deferrable" : "an exclusion"));
    }
    for (const EnumWork& other : context_.scope.of<EnumWork>()) {
      if (&other == &work_ || other.path != EnumPath::kShadow) continue;
      for (const EnumColumnWork& second : other.columns) {
        if (second.table == &table && index_uses(*index.index, second.column->name) &&
            work_.type->name < other.type->name) {
          refuse(name, "it holds columns of two types that are replaced");
        }
      }
    }
  }

  PreflightContext& context_;
  const EnumWork& work_;
  const std::set<std::string> merged_;
  std::set<std::string> carried_;
};

}  // namespace

std::string carried_key(const sql::Dependent& dependent) {
  return key(dependent.kind, dependent.object);
}

std::set<std::string> check_carried(PreflightContext& context, const EnumWork& work) {
  return CarriedCheck(context, work).run();
}

}  // namespace pgbackfill::planner
