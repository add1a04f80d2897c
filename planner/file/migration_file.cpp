#include "planner/file/migration_file.hpp"

#include "planner/file/lookup_file.hpp"
#include "planner/file/migration_rules.hpp"
#include "planner/file/migration_sections.hpp"
#include "planner/file/text_file.hpp"
#include "planner/file/toml_document.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

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

// Reads every table of [[key]] with `read`.
template <typename Spec>
void read_each(const TomlSection& file, std::string_view key,
               Spec (*read)(const TomlValue&, std::vector<SpecError>&), std::vector<Spec>& into) {
  const TomlValue* value = file.find(key);
  if (value == nullptr) return;
  if (value->kind == Kind::kTable) {
    file.report(value->position,
                fmt::format("write [[{}]], not [{}]: there may be several", key, key));
    into.push_back(read(*value, file.errors()));
    return;
  }
  if (file.find(key, Kind::kArray) == nullptr) return;
  for (const TomlValue& element : value->elements) {
    if (element.kind == Kind::kTable) {
      into.push_back(read(element, file.errors()));
    } else {
      file.report(element.position, fmt::format("[[{}]] must be a table, not {}", key,
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

void read_document(const TomlValue& document, JobSpec& spec, std::vector<SpecError>& errors) {
  const TomlSection file(
      document, "",
      {"version", "database", "run", "ensure", "tenant", "lookup", "table", "enum", "convert"},
      errors);
  const std::size_t before = errors.size();
  read_version(file);
  if (const auto* value = file.find("database", Kind::kTable)) read_database(*value, spec, errors);
  if (const auto* value = file.find("run", Kind::kTable)) spec.run = read_run(*value, errors);
  if (const auto* value = file.find("tenant", Kind::kTable)) {
    spec.tenant = read_tenant(*value, errors);
  } else if (file.has("tenant")) {
    spec.tenant.emplace().value.emplace();  // reported; must not be missed a second time
  }
  read_each(file, "ensure", read_ensure, spec.ensure);
  read_each(file, "lookup", read_lookup, spec.lookups);
  read_each(file, "table", read_table, spec.tables);
  read_each(file, "enum", read_enum, spec.enums);
  read_each(file, "convert", read_convert, spec.converts);
  const bool nothing =
      spec.ensure.empty() && spec.tables.empty() && spec.enums.empty() && spec.converts.empty();
  if (nothing && errors.size() == before) {
    file.report(file.position(),
                "asks for nothing: add [[table]], [[enum]], [[convert]] or [[ensure]]");
  }
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
  check_rules(spec, errors);

  std::vector<SpecError> lookup_errors;
  const std::string tenant_column = spec.tenant ? spec.tenant->column : TenantSpec{}.column;
  for (LookupSpec& lookup : spec.lookups) {
    if (lookup.file.empty()) continue;
    read_lookup_file(lookup_path(spec.file, lookup.file), tenant_column, lookup, lookup_errors);
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
