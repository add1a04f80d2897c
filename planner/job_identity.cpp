#include "planner/job_spec.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The text and the digest that tell whether two migration files ask for the same job. Both are
// kept in the ledger: a change here makes half-done jobs of older versions look changed.

namespace pgbackfill::planner {
namespace {

class Fnv1a {
 public:
  void add(std::string_view text) {
    for (const char c : text) add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }
  std::string hex() const { return fmt::format("{:016x}", hash_); }

 private:
  void add_byte(unsigned char byte) {
    hash_ ^= byte;
    hash_ *= 0x100000001b3U;
  }

  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

// A value within quotes, on one line whatever it holds.
std::string shown(std::string_view value) {
  std::string result = "'";
  for (const char c : value) {
    switch (c) {
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\'':
        result += "\\'";
        break;
      default:
        result += c;
    }
  }
  return result + "'";
}

std::string shown_list(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) quoted.push_back(shown(value));
  return fmt::format("{}", fmt::join(quoted, ", "));
}

std::string shown_map(const std::map<std::string, std::string>& map) {
  std::vector<std::string> pairs;
  for (const auto& [from, to] : map) pairs.push_back(shown(from) + " -> " + shown(to));
  return fmt::format("{}", fmt::join(pairs, ", "));
}

class Canonical {
 public:
  explicit Canonical(const JobSpec& spec) : spec_(spec) {}

  std::vector<std::string> lines() {
    line("schema = {}", spec_.schema);
    if (spec_.tenant) add_tenant(*spec_.tenant);
    // Their order is kept: a row may need the one before it.
    for (const EnsureSpec& ensure : spec_.ensure) add_ensure(ensure);
    for (const auto& [name, lookup] :
         sorted(spec_.lookups, [](const LookupSpec& lookup) { return lookup.name; })) {
      line("lookup {} = {} entries, digest {}", shown(name), lookup->entries.size(),
           digest(*lookup));
    }
    for (const auto& [name, table] :
         sorted(spec_.tables, [&](const TableSpec& table) { return display(table.name); })) {
      add_table(name, *table);
    }
    for (const auto& [name, type] :
         sorted(spec_.enums, [&](const EnumSpec& type) { return display(type.type); })) {
      add_enum(name, *type);
    }
    for (const ConvertSpec& convert : spec_.converts) {
      line("convert {} = {}", fmt::join(convert.columns, ", "), convert.type);
    }
    return std::move(lines_);
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  // In the order of their names: moving a block in the file does not change the job.
  template <typename Spec, typename Name>
  static std::vector<std::pair<std::string, const Spec*>> sorted(const std::vector<Spec>& specs,
                                                                 Name name_of) {
    std::vector<std::pair<std::string, const Spec*>> result;
    for (const Spec& spec : specs) result.emplace_back(name_of(spec), &spec);
    std::stable_sort(result.begin(), result.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return result;
  }

  std::string display(const std::string& written) const {
    return resolve_name(written, spec_.schema).display(spec_.schema);
  }

  void add_tenant(const TenantSpec& tenant) {
    line("tenant: column = {} {}", tenant.column, normalise_type(tenant.type));
    line("tenant: references = {}({}) on delete {}", display(tenant.references_table),
         tenant.references_column, tenant.on_delete);
    line("tenant: foreign key = {}", tenant.foreign_key);
    line("tenant: index = {}", tenant.index);
  }

  void add_ensure(const EnsureSpec& ensure) {
    std::vector<std::string> row;
    for (const auto& [column, value] : ensure.row) row.push_back(column + " " + shown(value));
    line("ensure {} by {} = {}", display(ensure.table), fmt::join(ensure.key, ", "),
         fmt::join(row, ", "));
  }

  void add_table(const std::string& name, const TableSpec& table) {
    if (const ValueSource* value = effective_value(spec_, table)) {
      line("table {}: value = {}", name, describe(*value));
    }
    if (!table.required.value_or(true)) line("table {}: required = false", name);
    for (const IndexSpec& index : table.indexes) {
      line("table {}: index {} = {}", name, index.name, fmt::join(index.columns, ", "));
    }
  }

  std::string describe(const ValueSource& value) const {
    switch (value.kind) {
      case SourceKind::kConstant:
        return "constant " + shown(value.constant);
      case SourceKind::kLookup:
        return fmt::format("lookup {} by {}, otherwise {}", shown(value.lookup), value.key,
                           describe(value.otherwise));
      case SourceKind::kParent:
        return fmt::format("parent {} via {}, otherwise {}", display(value.parent), value.key,
                           describe(value.otherwise));
      case SourceKind::kSql:
        return fmt::format("sql {}, otherwise {}", shown(value.expression),
                           describe(value.otherwise));
    }
    return {};
  }

  static std::string describe(const Otherwise& otherwise) {
    switch (otherwise.kind) {
      case Otherwise::Kind::kFail:
        return "fail";
      case Otherwise::Kind::kQuarantine:
        return "quarantine";
      case Otherwise::Kind::kConstant:
        return "constant " + shown(otherwise.constant);
    }
    return {};
  }

  void add_enum(const std::string& name, const EnumSpec& type) {
    line("enum {}: values = {}", name, shown_list(type.values));
    if (!type.map.empty()) line("enum {}: map = {}", name, shown_map(type.map));
    if (!type.unmap.empty()) line("enum {}: unmap = {}", name, shown_map(type.unmap));
    line("enum {}: on unmapped = {}", name, type.on_unmapped ? shown(*type.on_unmapped) : "fail");
    line("enum {}: order = {}", name, type.strict_order ? "strict" : "any");
  }

  static std::string digest(const LookupSpec& lookup) {
    auto entries = lookup.entries;
    std::sort(entries.begin(), entries.end());
    Fnv1a hash;
    for (const auto& [key, value] : entries) {
      hash.add(key);
      hash.add(value);
    }
    return hash.hex();
  }

  const JobSpec& spec_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> canonical_lines(const JobSpec& spec) { return Canonical(spec).lines(); }

std::string fingerprint(const std::vector<std::string>& canonical) {
  Fnv1a hash;
  for (const std::string& line : canonical) hash.add(line);
  return hash.hex();
}

}  // namespace pgbackfill::planner
