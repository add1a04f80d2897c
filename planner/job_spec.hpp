#pragma once

#include "planner/typed_lists.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// Place in the migration file, counted from 1; line 0 means "not from a file".
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
};

/// A defect of the migration file or of what it names.
struct SpecError {
  Position position;
  std::string message;
  /// "file:line:column: message", or just the message without a position.
  std::string to_string() const;
};

enum class SourceKind {
  kConstant,  ///< the same value for every row
  kLookup,    ///< a [[lookup]] file, by a column of the row
  kParent,    ///< a column of the row that a foreign key column points to
  kSql,       ///< an expression over the row
};

/// What a row gets whose key is NULL or not found.
struct Otherwise {
  enum class Kind { kFail, kQuarantine, kConstant } kind = Kind::kFail;
  std::string constant;
};

struct ValueSource {
  SourceKind kind = SourceKind::kConstant;
  std::string constant;
  std::string lookup;      ///< kLookup: name of the [[lookup]]
  std::string key;         ///< kLookup: column of the table; kParent: column that references (via)
  std::string parent;      ///< kParent: table as written
  std::string column;      ///< kParent: its column; empty: the one of the same name
  std::string expression;  ///< kSql
  Otherwise otherwise;
  Position position;
};

struct IndexSpec {
  std::string name;
  std::vector<std::string> columns;
  Position position;
};

struct TableSpec {
  std::string name;  ///< as written: `name` or `schema.name`
  /// Not given or true: a missing table is an error. false: it is reported and skipped.
  std::optional<bool> required;
  std::optional<ValueSource> value;  ///< not given: the tenant's value
  std::vector<IndexSpec> indexes;
  Position position;
};

/// One [[column]]: any other column of a table that the job adds or fills.
struct ColumnSpec {
  std::string table;  ///< as written
  std::string name;
  std::string type;  ///< empty: that of the existing column
  ValueSource value;
  bool not_null = false;
  std::string default_value;           ///< a constant that it has in the end
  bool default_is_expression = false;  ///< default_value is SQL
  std::string index;                   ///< name of an index on it; empty: none
  Position position;
};

struct TenantSpec {
  std::string column = "org_id";
  std::string type = "uuid";
  std::string references_table;  ///< as written before the parenthesis
  std::string references_column;
  std::string on_delete = "no action";  ///< no action | restrict (cascade and set … are refused)
  std::optional<ValueSource> value;
  std::string foreign_key = "fk_{table}_{column}_{references}";  ///< placeholders as shown
  std::string index = "ix_{table}_{column}";
  Position position;
};

struct LookupSpec {
  std::string name;
  std::string file;        ///< as written
  std::string key_header;  ///< header of the column that is not the tenant column
  std::string value_header;
  std::vector<std::pair<std::string, std::string>> entries;  ///< key, value; keys distinct
  std::vector<int> lines;                                    ///< line in the CSV of each entry
  Position position;                                         ///< in the migration file
};

enum class MethodChoice { kAuto, kCopy, kUpdate, kCatalog };
enum class OrderChoice { kAuto, kBlock, kKey };
/// What to do about tables that need several passes while something holds the horizon back.
enum class HeldHorizon {
  kContinue,  ///< go over them in one pass: the others would find no room
  kWait,      ///< read no further windows of them
};

/// What to do about rows whose parents lie in different organizations.
enum class CrossTenant { kWarn, kRefuse };

/// What is to become of the application's triggers that fire for each row that is written.
enum class UserTriggers {
  kRefuse,  ///< the job does not start where there are some
  kFire,
  kSkip,  ///< rows are written with session_replication_role = replica
};

/// How far a streaming replica may be behind, in time, in bytes, or not limited.
struct ReplicaLag {
  std::chrono::milliseconds time{0};
  std::int64_t bytes = 0;
  bool given() const noexcept { return time.count() > 0 || bytes > 0; }
};

/// What [run] accept may name: functions whose text has a label that changes.
inline constexpr std::string_view kAcceptFunctionBodies = "function-bodies";

/// What ddl_workers is unless told: half of this machine's cores, for lack of the server's; at
/// least two, for each waits half of its time (a validation is one process's work).
int default_ddl_workers();

/// [run]: how to go about it. Not part of what the job is, so it may differ from run to run.
struct RunOptions {
  int workers = 4;  ///< writer connections, 1 to 256
  /// Tables whose index builds and validations run side by side, 1 to 64.
  int ddl_workers = default_ddl_workers();
  MethodChoice method = MethodChoice::kAuto;
  OrderChoice order = OrderChoice::kAuto;
  bool online = true;
  std::chrono::milliseconds batch_time{250};
  /// Rows of a batch; 0: adapts to batch_time.
  std::int64_t batch_rows = 0;
  /// Passes over a window in block order; 0: chosen per table.
  int passes = 0;
  std::chrono::milliseconds lock_timeout{2000};
  HeldHorizon on_held_horizon = HeldHorizon::kContinue;
  CrossTenant cross_tenant = CrossTenant::kWarn;
  UserTriggers user_triggers = UserTriggers::kRefuse;
  ReplicaLag max_replica_lag;
  std::int64_t max_wal_rate = 0;  ///< bytes a second that the server may write; 0: not limited
  std::int64_t max_slot_wal = 0;  ///< bytes that a replication slot may retain; 0: not limited
  std::string throttle_query;     ///< one number or boolean; > 0 or true pauses; empty: none
  double duty_cycle = 1.0;        ///< share of time that a writer writes, above 0 to 1
  std::string wal_compression;    ///< as the server's parameter; empty: as the server has it
  /// Rows that the server may refuse to change (a CHECK, a trigger) and that are set aside, before
  /// the job stops.
  std::int64_t max_quarantined = 0;
  /// How long no row may have needed the fill before the stage enforce begins; 0: it only warns.
  std::chrono::milliseconds enforce_when_quiet{0};
  /// What would be refused, and is known and wanted.
  std::set<std::string, std::less<>> accept;

  bool accepts(std::string_view what) const { return accept.contains(what); }
};

/// [backup]: run once before the first change of a job. Not part of what the job is, either.
struct BackupSpec {
  std::string command;    ///< for /bin/sh; {dir} and {dsn} are filled in
  std::string directory;  ///< as written
};

/// A migration file, read and checked in itself (not yet against a database).
/// The lists hold what the other operations read (planner/operations).
struct JobSpec : TypedLists {
  std::string file;
  std::string dsn;  ///< [database] dsn; may hold a password, never printed or stored
  std::string schema = "public";
  RunOptions run;
  std::optional<BackupSpec> backup;
  std::optional<TenantSpec> tenant;  ///< may be absent when only enums are converted
  std::vector<LookupSpec> lookups;
  std::vector<TableSpec> tables;
  std::vector<ColumnSpec> columns;

  const LookupSpec* lookup(std::string_view name) const;
};

/// What the job is, as stable text, one fact a line: everything but [database], [run] and
/// [backup]; lookup files by their entries' count and digest. Two files with the same text are the
/// same job.
std::vector<std::string> canonical_lines(const JobSpec& spec);

/// Lines only in `before` ("- …") and only in `after` ("+ …").
std::vector<std::string> difference(const std::vector<std::string>& before,
                                    const std::vector<std::string>& after);

/// 16 hex digits of a 64-bit FNV-1a over the canonical lines; the ledger's fingerprint.
std::string fingerprint(const std::vector<std::string>& canonical);

/// A duration as migration files and flags write it: 250ms, 2s, 1min.
/// nullopt when it is not one, is not positive or exceeds a day.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A size as PostgreSQL writes it: 512kB, 64MB, 10GB (powers of 1024). nullopt when it is not one
/// or is not positive.
std::optional<std::int64_t> parse_size(std::string_view text);

}  // namespace pgbackfill::planner
