#include "planner/identity_lines.hpp"
#include "planner/job_spec.hpp"
#include "planner/operations/operation.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/ranges.h>

namespace pgbackfill::planner {
namespace {

std::string describe_otherwise(const Otherwise& otherwise) {
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

}  // namespace

void Digest::add(std::string_view text) {
  for (const char c : text) add_byte(static_cast<unsigned char>(c));
  add_byte(0);
}

std::string Digest::hex() const { return fmt::format("{:016x}", hash_); }

void Digest::add_byte(unsigned char byte) {
  hash_ ^= byte;
  hash_ *= 0x100000001b3U;
}

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

std::string IdentityLines::display(const std::string& written) const {
  return resolve_name(written, schema_).display(schema_);
}

std::string IdentityLines::describe(const ValueSource& value) const {
  switch (value.kind) {
    case SourceKind::kConstant:
      return "constant " + shown(value.constant);
    case SourceKind::kLookup:
      return fmt::format("lookup {} by {}, otherwise {}", shown(value.lookup), value.key,
                         describe_otherwise(value.otherwise));
    case SourceKind::kParent:
      return fmt::format("parent {}{} via {}, otherwise {}", display(value.parent),
                         value.column.empty() ? "" : "." + value.column, value.key,
                         describe_otherwise(value.otherwise));
    case SourceKind::kSql:
      return fmt::format("sql {}, otherwise {}", shown(value.expression),
                         describe_otherwise(value.otherwise));
  }
  return {};
}

std::vector<std::string> canonical_lines(const JobSpec& spec) {
  IdentityLines lines(spec.schema);
  lines.line("schema = {}", spec.schema);
  for (const Operation* operation : operations()) operation->identify(spec, lines);
  return std::move(lines).take();
}

std::string fingerprint(const std::vector<std::string>& canonical) {
  Digest hash;
  for (const std::string& line : canonical) hash.add(line);
  return hash.hex();
}

}  // namespace pgbackfill::planner
