#include "planner/file/migration_file.hpp"

#include "planner/file/backup_section.hpp"
#include "planner/file/lookup_file.hpp"
#include "planner/file/run_section.hpp"
#include "planner/file/text_file.hpp"
#include "planner/file/toml_document.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/operations/operation.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

namespace pgbackfill::planner {
namespace {

using Kind = TomlValue::Kind;

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20U;

std::string joined(const std::vector<SpecError>& errors) {
  std::string text;
  for (const SpecError& error : errors) {
    if (!text.empty()) text += '\n';
    text += error.to_string();
  }
  return text;
}

void read_section(const TomlSection& file, const Operation& operation, const SectionKey& key,
                  JobSpec& spec) {
  const TomlValue* value = file.find(key.name);
  if (value == nullptr) return;
  if (!key.repeated) {
    static_cast<void>(file.find(key.name, Kind::kTable));  // reports another kind
    operation.read(key.name, *value, spec, file.errors());
    return;
  }
  if (value->kind == Kind::kTable) {
    file.report(value->position,
                fmt::format("write [[{0}]], not [{0}]: there may be several", key.name));
    operation.read(key.name, *value, spec, file.errors());
    return;
  }
  if (file.find(key.name, Kind::kArray) == nullptr) return;
  for (const TomlValue& element : value->elements) {
    if (element.kind == Kind::kTable) {
      operation.read(key.name, element, spec, file.errors());
    } else {
      file.report(element.position, fmt::format("[[{}]] must be a table, not {}", key.name,
                                                article_and_kind(element.kind)));
    }
  }
}

void read_version(const TomlSection& file) {
  const TomlValue* version = file.find("version");
  if (version == nullptr) {
    file.report(file.position(), "the key \"version\" is missing; begin with version = 1");
  } else if (file.find("version", Kind::kInteger) != nullptr && version->integer != 1) {
    file.report(version->position, fmt::format("\"version\" is {}; this pgbackfill reads version 1",
                                               version->integer));
  }
}

void read_database(const TomlValue& value, JobSpec& spec, std::vector<SpecError>& errors) {
  const TomlSection database(value, "[database]", {"dsn", "schema"}, errors);
  spec.dsn = database.text("dsn").value_or("");
  spec.schema = database.text("schema").value_or(spec.schema);
}

/// "[[table]], [[enum]] or [[ensure]]": what a file may ask for.
std::string repeated_sections() {
  std::vector<std::string> names;
  for (const Operation* operation : operations()) {
    for (const SectionKey& key : operation->sections()) {
      if (key.repeated) names.push_back(fmt::format("[[{}]]", key.name));
    }
  }
  const std::string last = std::move(names.back());
  names.pop_back();
  return fmt::format("{} or {}", fmt::join(names, ", "), last);
}

void read_document(const TomlValue& document, JobSpec& spec, std::vector<SpecError>& errors) {
  std::vector<std::string> known{"version", "database", "backup", "run"};
  for (const Operation* operation : operations()) {
    for (const SectionKey& key : operation->sections()) known.emplace_back(key.name);
  }
  const TomlSection file(document, "", std::move(known), errors);
  const std::size_t before = errors.size();
  read_version(file);
  if (const auto* value = file.find("database", Kind::kTable)) read_database(*value, spec, errors);
  if (const auto* value = file.find("run", Kind::kTable)) spec.run = read_run(*value, errors);
  if (const auto* value = file.find("backup", Kind::kTable)) {
    spec.backup = read_backup(*value, errors);
  }
  for (const Operation* operation : operations()) {
    for (const SectionKey& key : operation->sections()) read_section(file, *operation, key, spec);
  }
  const bool asked =
      std::any_of(operations().begin(), operations().end(),
                  [&](const Operation* operation) { return operation->asked(spec); });
  if (!asked && errors.size() == before) {
    file.report(file.position(), fmt::format("asks for nothing: add {}", repeated_sections()));
  }
}

/// The header that the values of a lookup stand under: the column that it is for.
std::string value_column(const JobSpec& spec, const LookupSpec& lookup) {
  for (const ColumnSpec& column : spec.columns) {
    if (column.value.kind == SourceKind::kLookup && column.value.lookup == lookup.name) {
      return column.name;
    }
  }
  return spec.tenant ? spec.tenant->column : TenantSpec{}.column;
}

// In the order of the file; what concerns a file as a whole stays where it was found.
void sort_by_place(std::vector<SpecError>& errors) {
  std::stable_sort(errors.begin(), errors.end(), [](const SpecError& a, const SpecError& b) {
    return std::tie(a.position.line, a.position.column) <
           std::tie(b.position.line, b.position.column);
  });
}

}  // namespace

SpecErrors::SpecErrors(std::vector<SpecError> errors)
    : std::runtime_error(joined(errors)), errors_(std::move(errors)) {}

JobSpec read_migration_file(const std::filesystem::path& path) {
  JobSpec spec;
  spec.file = path.string();
  std::string text;
  try {
    text = read_text_file(path, kMaxFileBytes);
  } catch (const std::exception& error) {
    throw SpecErrors(
        {{{spec.file, 0, 0},
          fmt::format("cannot read the migration file {}: {}", spec.file, error.what())}});
  }
  std::vector<SpecError> errors;
  TomlValue document = parse_toml(text, spec.file, errors);
  if (!errors.empty()) throw SpecErrors(std::move(errors));
  document.position = {spec.file, 1, 1};
  read_document(document, spec, errors);
  for (const Operation* operation : operations()) operation->check_rules(spec, errors);

  std::vector<SpecError> lookup_errors;
  for (LookupSpec& lookup : spec.lookups) {
    if (lookup.file.empty()) continue;
    read_lookup_file(beside_file(spec.file, lookup.file), value_column(spec, lookup), lookup,
                     lookup_errors);
  }
  const auto own = std::stable_partition(
      lookup_errors.begin(), lookup_errors.end(),
      [&](const SpecError& error) { return error.position.file == spec.file; });
  std::move(lookup_errors.begin(), own, std::back_inserter(errors));
  sort_by_place(errors);
  std::move(own, lookup_errors.end(), std::back_inserter(errors));
  if (!errors.empty()) throw SpecErrors(std::move(errors));
  return spec;
}

}  // namespace pgbackfill::planner
