#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/scope.hpp"
#include "sql/catalog.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

class BackfillDrafts;
class CatalogCheck;
class IdentityLines;
struct Needs;
struct PlanContext;
struct PreflightContext;
struct VerifyContext;

/// A key of the migration file's top level.
struct SectionKey {
  std::string_view name;
  bool repeated = true;  ///< [[name]], any number of times; false: [name], at most once
};

/// One kind of thing that a job can do: its sections of the migration file and everything that
/// follows from them. The rest of the planner asks each operation in turn, in the order of
/// operations(), and knows none by name. An operation has no state: what it reads it keeps in the
/// lists of JobSpec, what it finds in the database in those of Scope.
class Operation {
 public:
  virtual ~Operation() = default;

  virtual std::vector<SectionKey> sections() const = 0;
  /// Reads one table of the file into `spec`; what is wrong with it alone goes to `errors`. Where
  /// [section] is of another kind than a table, that is reported already.
  virtual void read(std::string_view section, const TomlValue& value, JobSpec& spec,
                    std::vector<SpecError>& errors) const = 0;
  /// The file asks for something of this kind.
  virtual bool asked(const JobSpec& spec) const = 0;
  /// What only shows when the sections are seen together.
  virtual void check_rules(const JobSpec& spec, std::vector<SpecError>& errors) const {
    static_cast<void>(spec), static_cast<void>(errors);
  }
  /// What the job is, as lines of its identity (canonical_lines).
  virtual void identify(const JobSpec& spec, IdentityLines& lines) const = 0;

  /// Names that the database does not have.
  virtual void check_catalog(CatalogCheck& check) const { static_cast<void>(check); }
  /// The type that a column will have after the job, where this operation changes it.
  virtual std::optional<std::string> final_type(const JobSpec& spec, const sql::Table& table,
                                                const sql::Column& column) const {
    static_cast<void>(spec), static_cast<void>(table), static_cast<void>(column);
    return std::nullopt;
  }
  /// What there is to do in this database.
  virtual void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const {
    static_cast<void>(spec), static_cast<void>(catalog), static_cast<void>(scope);
  }
  /// Tables that it alters or reads, and what else the role must be allowed.
  virtual void need(const PreflightContext& context, Needs& needs) const {
    static_cast<void>(context), static_cast<void>(needs);
  }
  /// What would make it fail half-way or do harm.
  virtual void preflight(PreflightContext& context) const { static_cast<void>(context); }

  /// Its steps of one stage, appended to context.plan. The stage backfill has drafts instead.
  virtual void plan(Stage stage, PlanContext& context) const {
    static_cast<void>(stage), static_cast<void>(context);
  }
  /// Its steps of one stage that are to wait for those of every operation, appended likewise.
  virtual void plan_last(Stage stage, PlanContext& context) const {
    static_cast<void>(stage), static_cast<void>(context);
  }
  /// The columns whose rows are to get a value.
  virtual void backfill(const PlanContext& context, BackfillDrafts& drafts) const {
    static_cast<void>(context), static_cast<void>(drafts);
  }

  /// Its steps behind all others of the plan.
  virtual void conclude(PlanContext& context) const { static_cast<void>(context); }

  /// Compares the database with what was asked for.
  virtual void verify(VerifyContext& context) const { static_cast<void>(context); }
};

/// All of them, in the order in which they are asked. To add one: a folder beside this file, and
/// a line in operation.cpp.
const std::vector<const Operation*>& operations();

/// One more operation, as long as this lives; for tests.
class AddedOperation {
 public:
  explicit AddedOperation(const Operation& operation);
  ~AddedOperation();
  AddedOperation(const AddedOperation&) = delete;
  AddedOperation& operator=(const AddedOperation&) = delete;
};

}  // namespace pgbackfill::planner
