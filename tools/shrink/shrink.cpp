#include "tools/shrink/shrink.hpp"

#include "sql/copy_stream.hpp"
#include "sql/identifier.hpp"
#include "sql/passwordless_dsn.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace pgbackfill::tools {
namespace {

sql::Connection open(const std::string& dsn) {
  sql::ConnectOptions options;
  options.dsn = dsn;
  options.application_name = "pgbackfill_shrink";
  // A policy that would hide rows is an error instead.
  options.settings = {{"search_path", ""}, {"row_security", "off"}, {"statement_timeout", "0"}};
  return sql::Connection(std::move(options));
}

std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// The password goes by the environment, which others cannot list.
void run_program(const sql::PasswordlessDsn& target, std::vector<std::string> words) {
  words.push_back("--dbname=" + target.dsn);
  std::string command;
  for (const std::string& word : words) command += shell_quoted(word) + " ";
  if (!target.password.empty()) {
    setenv("PGPASSWORD", target.password.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (status != 0) {
    throw std::runtime_error(words.front() + " failed; its own message is above");
  }
}

/// Sections of the schema, from one database to the other by the server's own programs. Triggers,
/// foreign keys and indexes come in the last one, when the rows are there, so that the order of
/// the tables does not matter and every key is checked.
class SchemaCopy {
 public:
  SchemaCopy(const sql::Connection& from, const sql::Connection& to)
      : from_(sql::passwordless_dsn(from)), to_(sql::passwordless_dsn(to)) {
    std::string name = (std::filesystem::temp_directory_path() / "pgbackfill-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
  }
  ~SchemaCopy() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  SchemaCopy(const SchemaCopy&) = delete;
  SchemaCopy& operator=(const SchemaCopy&) = delete;

  void section(const std::string& name) const {
    const std::string file = (directory_ / name).string();
    run_program(from_, {"pg_dump", "--section=" + name, "--no-owner", "--no-privileges",
                        "--exclude-schema=pgbackfill", "--file=" + file});
    run_program(to_, {"psql", "--no-psqlrc", "--quiet", "--output=/dev/null",
                      "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=" + file});
  }

 private:
  sql::PasswordlessDsn from_;
  sql::PasswordlessDsn to_;
  std::filesystem::path directory_;
};

void refuse_unless_empty(sql::Connection& to) {
  const SourceSchema there = read_source(to);
  if (there.tables.empty()) return;
  throw std::invalid_argument(fmt::format(
      "the database to fill has {} already: give it an empty one", there.tables.front().name));
}

/// As the catalog's names are quoted here.
std::vector<std::string> root_names(sql::Connection& from, const SourceSchema& schema,
                                    const std::vector<std::string>& given) {
  std::vector<std::string> names;
  for (const std::string& text : given) {
    const sql::QualifiedName name = sql::parse_qualified_name(text, "public");
    names.emplace_back(
        from.execute("SELECT format('%I.%I', $1::text, $2::text)", {name.schema, name.name})
            .text(0, 0));
    if (std::none_of(schema.tables.begin(), schema.tables.end(),
                     [&](const SourceTable& table) { return table.name == names.back(); })) {
      throw std::invalid_argument("there is no table " + names.back());
    }
  }
  return names;
}

std::int64_t copy_rows(sql::Connection& from, sql::Connection& to, const SourceTable& table,
                       const std::string& query) {
  sql::CopyOut source = from.copy_out(fmt::format("COPY ({}) TO STDOUT", query));
  sql::CopyIn target = to.copy_in(
      fmt::format("COPY {} ({}) FROM STDIN", table.name, fmt::join(table.columns, ", ")));
  for (std::string_view row; source.next(row);) target.put(row);
  return target.finish().front().affected();
}

void copy_sequences(sql::Connection& from, sql::Connection& to, const SourceSchema& schema) {
  for (const std::string& name : schema.sequences) {
    const sql::Result state = from.execute("SELECT last_value, is_called FROM " + name);
    to.execute("SELECT setval($1::regclass, $2::bigint, $3::boolean)",
               {name, state.optional_text(0, 0), state.optional_text(0, 1)});
  }
}

void lock_tables(sql::Connection& from, const SourceSchema& schema) {
  for (const SourceTable& table : schema.tables) {
    from.execute(fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", table.from()));
  }
}

}  // namespace

std::int64_t shrink(const ShrinkOptions& options) {
  sql::Connection from = open(options.from);
  sql::Connection to = open(options.to);
  refuse_unless_empty(to);
  sql::Transaction reading(from, "BEGIN ISOLATION LEVEL REPEATABLE READ");
  const SourceSchema schema = read_source(from);
  lock_tables(from, schema);
  const auto given = root_names(from, schema, options.roots);
  const SchemaCopy copy(from, to);
  copy.section("pre-data");

  Selection selection(from, schema);
  for (const std::string& root : root_tables(schema, given)) {
    options.on_progress(fmt::format("drawing rows of {}", root));
    selection.draw(root, options.size);
  }
  selection.add_what_hangs_on_them();
  selection.add_what_they_refer_to();
  std::int64_t rows = 0;
  for (const SourceTable& table : schema.tables) {
    if (table.columns.empty()) continue;
    const std::int64_t copied = copy_rows(from, to, table, selection.rows(table));
    options.on_progress(fmt::format("{}: {} rows", table.name, copied));
    rows += copied;
  }
  copy_sequences(from, to, schema);
  copy.section("post-data");
  to.execute("ANALYZE");
  return rows;
}

}  // namespace pgbackfill::tools
